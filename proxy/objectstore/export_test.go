package objectstore

// SetParts makes objects of more than single bytes go in parts.
func (w *Writer) SetParts(single, part int64) { w.send = w.send.WithParts(single, part) }
