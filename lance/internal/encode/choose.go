package encode

import (
	"github.com/hearthcache/hearth/lance/internal/bitpack"
	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/pb"
)

// Hints say what may be done to values.
type Hints struct {
	// Plain asks for values as they are.
	Plain bool
	// Compression is what the field's metadata asks for: "none", "fsst", "lz4", "zstd" or nothing.
	Compression string
	// Blocks says that whole buffers may be compressed, as from version 2.2 on.
	Blocks bool
	// Index is the size in bytes of the indices of a dictionary that there must be, as the field has an Arrow dictionary type;
	// 0 for other fields; MaxIndex is how many values such an index can tell apart.
	Index, MaxIndex int
}

// Choice is how the values of a mini-block page are encoded.
type Choice struct {
	Mini Mini
	// Dictionary is set when the values of Mini are indices.
	Dictionary *Dictionary
}

// MiniBlock chooses how to encode values in chunks: whatever takes the fewest bytes, or nearly so and reads faster.
func MiniBlock(v *Values, h Hints) (Choice, error) {
	if h.Index > 0 {
		return dictionaryOf(v, h)
	}
	if h.Plain || h.Compression == "none" {
		return Choice{Mini: Plain(v)}, nil
	}
	var c Choice
	switch v.Kind {
	case Fixed:
		c = fixedChoice(v, h)
	case Var:
		c = varChoice(v, h)
	default:
		c = Choice{Mini: Plain(v)}
	}
	if v.Kind != Fixed && v.Kind != Var {
		return c, nil
	}
	switch h.Compression {
	case "lz4":
		c.Mini = newGeneral(c.Mini, pb.CompressionLZ4)
	case "zstd":
		c.Mini = newGeneral(c.Mini, pb.CompressionZSTD)
	}
	return c, nil
}

// dictionaryOf makes the dictionary of a field of an Arrow dictionary type.
func dictionaryOf(v *Values, h Hints) (Choice, error) {
	if v.Kind != Fixed && v.Kind != Var {
		return Choice{}, fault.Unsupportedf("a dictionary of such values")
	}
	items, index := distinct(v, h.MaxIndex)
	if items == nil {
		return Choice{}, fault.Unsupportedf("more than %d distinct values in a dictionary with indices of %d bytes", h.MaxIndex, h.Index)
	}
	return makeDictionary(v, h, items, index, h.Index), nil
}

func varChoice(v *Values, h Hints) Choice {
	size := v.DataBytes()
	if h.Compression == "" {
		// A symbol table makes about half of most texts; a dictionary must do better than that, or than nothing.
		budget := size * 4 / 5
		if size >= minText {
			budget = size * 2 / 5
		}
		if c, ok := tryDictionary(v, h, budget); ok {
			return c
		}
	}
	if h.Compression == "" || h.Compression == "fsst" {
		if out, table := compressText(v, h.Compression == "fsst"); out != nil {
			return Choice{Mini: &textMini{Plain(out), table}}
		}
	}
	return Choice{Mini: Plain(v)}
}

func fixedChoice(v *Values, h Hints) Choice {
	m, size := fixedMini(v, h)
	if h.Compression == "" {
		if c, ok := tryDictionary(v, h, size*3/4); ok {
			return c
		}
	}
	return Choice{Mini: m}
}

// fixedMini chooses among runs, packed values and values as they are, and says about how many bytes that takes.
func fixedMini(v *Values, h Hints) (Mini, int) {
	plain := v.N * v.Width
	if h.Plain {
		return Plain(v), plain
	}
	var runs, packed int
	b := v.Data[:plain]
	switch v.Width {
	case 1:
		runs, packed = measure(bitpack.Words[uint8](b))
	case 2:
		runs, packed = measure(bitpack.Words[uint16](b))
	case 4:
		runs, packed = measure(bitpack.Words[uint32](b))
	case 8:
		runs, packed = measure(bitpack.Words[uint64](b))
	default:
		return Plain(v), plain
	}
	// Runs are slower to read at random and cost a little more than what is counted.
	if size := runs * (v.Width + 1); size < min(plain, packed)*9/10 {
		return &runMini{v: v}, size
	}
	if packed < plain {
		return newPack(v), packed
	}
	return Plain(v), plain
}

func measure[T bitpack.Word](in []T) (runs, packed int) { return countRuns(in), packedBytes(in) }
