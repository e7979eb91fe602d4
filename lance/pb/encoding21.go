package pb

import "fmt"

// PageLayout is the version 2.1 and 2.2 description of a page: exactly one of the pointers is set. A layout not known here
// leaves all nil and Other set to its field number.
type PageLayout struct {
	MiniBlock *MiniBlockLayout
	Constant  *ConstantLayout
	FullZip   *FullZipLayout
	Blob      *BlobLayout
	Other     int32
}

// Layer is one level of nesting of a page, as listed innermost first.
type Layer uint8

// The layers.
const (
	LayerAllValidItem     Layer = 1
	LayerAllValidList     Layer = 2
	LayerNullableItem     Layer = 3
	LayerNullableList     Layer = 4
	LayerEmptyableList    Layer = 5
	LayerNullAndEmptyList Layer = 6
)

// IsList says whether the layer is a list.
func (l Layer) IsList() bool { return l == LayerAllValidList || l >= LayerNullableList }

// MiniBlockLayout is a page of small chunks.
type MiniBlockLayout struct {
	Rep                  *CompressiveEncoding
	Def                  *CompressiveEncoding
	Value                *CompressiveEncoding
	Dictionary           *CompressiveEncoding
	NumDictionaryItems   uint64
	Layers               []Layer
	NumBuffers           uint64
	RepetitionIndexDepth uint32
	NumItems             uint64 // visible values
	HasLargeChunk        bool
}

// ConstantLayout is a page of one value, or of nulls.
type ConstantLayout struct {
	Layers         []Layer
	InlineValue    []byte
	HasInlineValue bool
	Rep            *CompressiveEncoding
	Def            *CompressiveEncoding
	NumRepValues   uint64
	NumDefValues   uint64
}

// FullZipLayout is a page of control words and values, row by row.
type FullZipLayout struct {
	BitsRep         uint32
	BitsDef         uint32
	BitsPerValue    uint32 // fixed width
	BitsPerOffset   uint32 // variable width
	NumItems        uint64 // levels
	NumVisibleItems uint64
	Value           *CompressiveEncoding
	Layers          []Layer
}

// BlobLayout is a page of descriptions of values kept elsewhere.
type BlobLayout struct {
	Inner  *PageLayout
	Layers []Layer
}

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

// DecodePageLayout decodes a lance.encodings21.PageLayout.
func DecodePageLayout(b []byte) (*PageLayout, error) {
	m, err := decodeLayout(b, maxDepth)
	return m, in("page layout", err)
}

func decodeLayout(b []byte, depth int) (*PageLayout, error) {
	if depth == 0 {
		return nil, fmt.Errorf("%w: page layouts nest too deep", ErrMalformed)
	}
	m := &PageLayout{}
	err := Scan(b, func(f Field) error {
		inner, err := f.Message()
		if err != nil {
			return err
		}
		switch f.Num {
		case 1:
			m.MiniBlock = &MiniBlockLayout{}
			return in("mini-block layout", decodeMiniBlock(inner, m.MiniBlock))
		case 2:
			m.Constant = &ConstantLayout{}
			return in("constant layout", decodeConstant(inner, m.Constant))
		case 3:
			m.FullZip = &FullZipLayout{}
			return in("full-zip layout", decodeFullZip(inner, m.FullZip))
		case 4:
			x := &BlobLayout{}
			m.Blob = x
			return in("blob layout", Scan(inner, func(f Field) (err error) {
				switch f.Num {
				case 1:
					var b []byte
					if b, err = f.Message(); err == nil {
						x.Inner, err = decodeLayout(b, depth-1)
					}
				case 2:
					x.Layers, err = appendLayers(x.Layers, f)
				}
				return err
			}))
		default:
			m.Other = int32(f.Num)
		}
		return nil
	})
	return m, err
}

func appendLayers(dst []Layer, f Field) ([]Layer, error) {
	vs, err := f.AppendUints(nil)
	if err != nil {
		return nil, err
	}
	for _, v := range vs {
		if v < 1 || v > 6 {
			return nil, fmt.Errorf("%w: field %d: layer %d is not known", ErrMalformed, f.Num, v)
		}
		dst = append(dst, Layer(v))
	}
	return dst, nil
}

func decodeMiniBlock(b []byte, m *MiniBlockLayout) error {
	return Scan(b, func(f Field) (err error) {
		switch f.Num {
		case 1:
			m.Rep, err = compressiveField(f, maxDepth)
		case 2:
			m.Def, err = compressiveField(f, maxDepth)
		case 3:
			m.Value, err = compressiveField(f, maxDepth)
		case 4:
			m.Dictionary, err = compressiveField(f, maxDepth)
		case 5:
			m.NumDictionaryItems, err = f.Uint()
		case 6:
			m.Layers, err = appendLayers(m.Layers, f)
		case 7:
			m.NumBuffers, err = f.Uint()
		case 8:
			m.RepetitionIndexDepth, err = f.Uint32()
		case 9:
			m.NumItems, err = f.Uint()
		case 10:
			m.HasLargeChunk, err = f.Bool()
		}
		return err
	})
}

func decodeConstant(b []byte, m *ConstantLayout) error {
	return Scan(b, func(f Field) (err error) {
		switch f.Num {
		case 5:
			m.Layers, err = appendLayers(m.Layers, f)
		case 6:
			m.HasInlineValue = true
			m.InlineValue, err = f.Message()
		case 7:
			m.Rep, err = compressiveField(f, maxDepth)
		case 8:
			m.Def, err = compressiveField(f, maxDepth)
		case 9:
			m.NumRepValues, err = f.Uint()
		case 10:
			m.NumDefValues, err = f.Uint()
		}
		return err
	})
}

func decodeFullZip(b []byte, m *FullZipLayout) error {
	return Scan(b, func(f Field) (err error) {
		switch f.Num {
		case 1:
			m.BitsRep, err = f.Uint32()
		case 2:
			m.BitsDef, err = f.Uint32()
		case 3:
			m.BitsPerValue, err = f.Uint32()
		case 4:
			m.BitsPerOffset, err = f.Uint32()
		case 5:
			m.NumItems, err = f.Uint()
		case 6:
			m.NumVisibleItems, err = f.Uint()
		case 7:
			m.Value, err = compressiveField(f, maxDepth)
		case 8:
			m.Layers, err = appendLayers(m.Layers, f)
		}
		return err
	})
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
	err := Scan(b, func(f Field) error {
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
