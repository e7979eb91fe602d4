package memwal

// EncodeCompacted returns the message of a compacted generation alone, as transactions hold it.
func EncodeCompacted(c CompactedSSTable) []byte { return c.encode() }
