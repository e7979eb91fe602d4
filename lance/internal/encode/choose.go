package encode

import "github.com/hearthcache/hearth/lance/pb"

// Hints say what may be done to values.
type Hints struct {
	// Plain asks for values as they are.
	Plain bool
	// Compression is what the field's metadata asks for: "none", "fsst", "lz4", "zstd" or nothing.
	Compression string
	// Blocks says that whole buffers may be compressed, as from version 2.2 on.
	Blocks bool
}

// Choice is how the values of a mini-block page are encoded.
type Choice struct {
	Mini Mini
	// Dictionary is set when the values of Mini are indices.
	Dictionary *Dictionary
}

// Dictionary is the distinct values of a page.
type Dictionary struct {
	N        int
	Encoding *pb.CompressiveEncoding
	Bytes    []byte
}

// MiniBlock chooses how to encode values in chunks.
func MiniBlock(v *Values, h Hints) Choice {
	return Choice{Mini: Plain(v)}
}
