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
	err := scanOne(b, func(f Field) error {
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
