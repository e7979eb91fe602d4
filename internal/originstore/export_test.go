package originstore

// SetParts makes objects of more than single bytes go in parts.
func (s *Store) SetParts(single, part int64) { s.single, s.part = single, part }
