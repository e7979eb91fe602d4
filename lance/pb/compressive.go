package pb

import "fmt"

// CompressionScheme is a general-purpose compressor.
type CompressionScheme uint32

// The schemes.
const (
	CompressionNone CompressionScheme = 0
	CompressionLZ4  CompressionScheme = 1
	CompressionZSTD CompressionScheme = 2
)

// CompressiveEncoding is how values become bytes: exactly one of the pointers is set. A kind not known here leaves all nil
// and Other set to its field number.
type CompressiveEncoding struct {
	Flat             *FlatEncoding
	Variable         *VariableEncoding
	Constant         *ConstantEncoding
	OutOfLineBitpack *OutOfLineBitpackEncoding
	InlineBitpack    *InlineBitpackEncoding
	FSST             *FSSTEncoding
	Dictionary       *DictionaryEncoding
	RLE              *RLEEncoding
	ByteStreamSplit  *ByteStreamSplitEncoding
	General          *GeneralEncoding
	FixedSizeList    *FixedSizeListEncoding
	PackedStruct     *PackedStructEncoding
	VariablePacked   bool
	Other            int32
}

// Name is the name of the encoding, for messages.
func (e *CompressiveEncoding) Name() string {
	switch {
	case e == nil:
		return "none"
	case e.Flat != nil:
		return "flat"
	case e.Variable != nil:
		return "variable"
	case e.Constant != nil:
		return "constant"
	case e.OutOfLineBitpack != nil:
		return "out_of_line_bitpacking"
	case e.InlineBitpack != nil:
		return "inline_bitpacking"
	case e.FSST != nil:
		return "fsst"
	case e.Dictionary != nil:
		return "dictionary"
	case e.RLE != nil:
		return "rle"
	case e.ByteStreamSplit != nil:
		return "byte_stream_split"
	case e.General != nil:
		return "general"
	case e.FixedSizeList != nil:
		return "fixed_size_list"
	case e.PackedStruct != nil:
		return "packed_struct"
	case e.VariablePacked:
		return "variable_packed_struct"
	case e.Other == 14:
		return "range"
	case e.Other == 15:
		return "delta"
	}
	return fmt.Sprintf("unknown(%d)", e.Other)
}

// BufferCompression is a compressor applied to one buffer.
type BufferCompression struct {
	Scheme CompressionScheme
	Level  int32
}

// FlatEncoding is values of a fixed number of bits.
type FlatEncoding struct {
	BitsPerValue uint64
	Data         *BufferCompression
}

// VariableEncoding is offsets and bytes.
type VariableEncoding struct {
	Offsets *CompressiveEncoding
	Values  *BufferCompression
}

// ConstantEncoding is one value for all.
type ConstantEncoding struct{ Value []byte }

// OutOfLineBitpackEncoding is packed blocks of a width given here.
type OutOfLineBitpackEncoding struct {
	UncompressedBits uint64
	Values           *CompressiveEncoding
}

// InlineBitpackEncoding is packed blocks with the width in front of each.
type InlineBitpackEncoding struct {
	UncompressedBits uint64
	Values           *BufferCompression
}

// FSSTEncoding is strings compressed with a symbol table.
type FSSTEncoding struct {
	SymbolTable []byte
	Values      *CompressiveEncoding
}

// DictionaryEncoding is indices into items.
type DictionaryEncoding struct {
	Indices  *CompressiveEncoding
	Items    *CompressiveEncoding
	NumItems uint32
}

// RLEEncoding is values and how often each repeats.
type RLEEncoding struct {
	Values     *CompressiveEncoding
	RunLengths *CompressiveEncoding
}

// ByteStreamSplitEncoding is values transposed byte by byte.
type ByteStreamSplitEncoding struct{ Values *CompressiveEncoding }

// GeneralEncoding is another encoding whose bytes were compressed.
type GeneralEncoding struct {
	Compression BufferCompression
	Values      *CompressiveEncoding
}

// FixedSizeListEncoding is ItemsPerValue values a row.
type FixedSizeListEncoding struct {
	ItemsPerValue uint64
	Values        *CompressiveEncoding
	HasValidity   bool
}

// PackedStructEncoding is rows of concatenated children.
type PackedStructEncoding struct {
	BitsPerValue []uint64
	Values       *CompressiveEncoding
}

// DecodeCompressiveEncoding decodes a lance.encodings21.CompressiveEncoding.
func DecodeCompressiveEncoding(b []byte) (*CompressiveEncoding, error) {
	m, err := decodeCompressive(b, maxDepth)
	return m, in("compressive encoding", err)
}

func compressiveField(f Field, depth int) (*CompressiveEncoding, error) {
	b, err := f.Message()
	if err != nil {
		return nil, err
	}
	return decodeCompressive(b, depth)
}

func decodeCompressive(b []byte, depth int) (*CompressiveEncoding, error) {
	if depth == 0 {
		return nil, fmt.Errorf("%w: encodings nest too deep", ErrMalformed)
	}
	depth--
	m := &CompressiveEncoding{}
	err := scanOne(b, func(f Field) error {
		inner, err := f.Message()
		if err != nil {
			return err
		}
		switch f.Num {
		case 1:
			x := &FlatEncoding{}
			m.Flat = x
			return Scan(inner, func(f Field) (err error) {
				switch f.Num {
				case 1:
					x.BitsPerValue, err = f.Uint()
				case 2:
					x.Data, err = decodeOne(f, decodeBufferCompression)
				}
				return err
			})
		case 2:
			x := &VariableEncoding{}
			m.Variable = x
			return Scan(inner, func(f Field) (err error) {
				switch f.Num {
				case 1:
					x.Offsets, err = compressiveField(f, depth)
				case 2:
					x.Values, err = decodeOne(f, decodeBufferCompression)
				}
				return err
			})
		case 3:
			x := &ConstantEncoding{}
			m.Constant = x
			return Scan(inner, func(f Field) (err error) {
				if f.Num == 1 {
					x.Value, err = f.Message()
				}
				return err
			})
		case 4:
			x := &OutOfLineBitpackEncoding{}
			m.OutOfLineBitpack = x
			return Scan(inner, func(f Field) (err error) {
				switch f.Num {
				case 1:
					x.UncompressedBits, err = f.Uint()
				case 3:
					x.Values, err = compressiveField(f, depth)
				}
				return err
			})
		case 5:
			x := &InlineBitpackEncoding{}
			m.InlineBitpack = x
			return Scan(inner, func(f Field) (err error) {
				switch f.Num {
				case 1:
					x.UncompressedBits, err = f.Uint()
				case 2:
					x.Values, err = decodeOne(f, decodeBufferCompression)
				}
				return err
			})
		case 6:
			x := &FSSTEncoding{}
			m.FSST = x
			return Scan(inner, func(f Field) (err error) {
				switch f.Num {
				case 1:
					x.SymbolTable, err = f.Message()
				case 2:
					x.Values, err = compressiveField(f, depth)
				}
				return err
			})
		case 7:
			x := &DictionaryEncoding{}
			m.Dictionary = x
			return Scan(inner, func(f Field) (err error) {
				switch f.Num {
				case 1:
					x.Indices, err = compressiveField(f, depth)
				case 2:
					x.Items, err = compressiveField(f, depth)
				case 3:
					x.NumItems, err = f.Uint32()
				}
				return err
			})
		case 8:
			x := &RLEEncoding{}
			m.RLE = x
			return Scan(inner, func(f Field) (err error) {
				switch f.Num {
				case 1:
					x.Values, err = compressiveField(f, depth)
				case 2:
					x.RunLengths, err = compressiveField(f, depth)
				}
				return err
			})
		case 9:
			x := &ByteStreamSplitEncoding{}
			m.ByteStreamSplit = x
			return Scan(inner, func(f Field) (err error) {
				if f.Num == 1 {
					x.Values, err = compressiveField(f, depth)
				}
				return err
			})
		case 10:
			x := &GeneralEncoding{}
			m.General = x
			return Scan(inner, func(f Field) (err error) {
				switch f.Num {
				case 1:
					var c *BufferCompression
					if c, err = decodeOne(f, decodeBufferCompression); err == nil {
						x.Compression = *c
					}
				case 3:
					x.Values, err = compressiveField(f, depth)
				}
				return err
			})
		case 11:
			x := &FixedSizeListEncoding{}
			m.FixedSizeList = x
			return Scan(inner, func(f Field) (err error) {
				switch f.Num {
				case 1:
					x.ItemsPerValue, err = f.Uint()
				case 2:
					x.Values, err = compressiveField(f, depth)
				case 3:
					x.HasValidity, err = f.Bool()
				}
				return err
			})
		case 12:
			x := &PackedStructEncoding{}
			m.PackedStruct = x
			return Scan(inner, func(f Field) (err error) {
				switch f.Num {
				case 1:
					x.BitsPerValue, err = f.AppendUints(x.BitsPerValue)
				case 2:
					x.Values, err = compressiveField(f, depth)
				}
				return err
			})
		case 13:
			m.VariablePacked = true
		default:
			m.Other = int32(f.Num)
		}
		return nil
	})
	return m, err
}

func decodeBufferCompression(b []byte) (BufferCompression, error) {
	var m BufferCompression
	err := Scan(b, func(f Field) (err error) {
		switch f.Num {
		case 1:
			var v uint32
			v, err = f.Uint32()
			m.Scheme = CompressionScheme(v)
		case 2:
			m.Level, err = f.Int32()
		}
		return err
	})
	return m, err
}
