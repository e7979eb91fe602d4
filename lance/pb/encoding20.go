package pb

import "fmt"

// ArrayEncoding is the version 2.0 description of an array: exactly one of the pointers is set. A kind not known here
// leaves all nil and Other set to its field number.
type ArrayEncoding struct {
	Flat            *Flat20
	Nullable        *Nullable20
	FixedSizeList   *FixedSizeList20
	List            *List20
	Struct          bool
	Binary          *Binary20
	Dictionary      *Dictionary20
	FSST            *FSST20
	PackedStruct    *PackedStruct20
	Bitpacked       *Bitpacked20
	FixedSizeBinary *FixedSizeBinary20
	BitpackedNonNeg *Bitpacked20
	Constant        []byte
	HasConstant     bool
	Other           int32
}

// Buffer20 names a buffer. Kind is 0 for the page's buffers, 1 for the column's, 2 for the file's.
type Buffer20 struct {
	Index uint32
	Kind  uint32
}

// Flat20 is values of a fixed number of bits, one after another.
type Flat20 struct {
	BitsPerValue uint64
	Buffer       Buffer20
	Compression  string
}

// Nullable20 wraps values with a validity bitmap, or says that there are no nulls or only nulls.
type Nullable20 struct {
	Validity *ArrayEncoding // with nulls
	Values   *ArrayEncoding // nil when all are null
	AllNull  bool
}

// FixedSizeList20 is Dimension items a row.
type FixedSizeList20 struct {
	Dimension   uint32
	Items       *ArrayEncoding
	HasValidity bool
}

// List20 is the offsets of a list; the items are the next column.
type List20 struct {
	Offsets              *ArrayEncoding
	NullOffsetAdjustment uint64
	NumItems             uint64
}

// Binary20 is values of varying length: end offsets and bytes.
type Binary20 struct {
	Indices        *ArrayEncoding
	Bytes          *ArrayEncoding
	NullAdjustment uint64
}

// Dictionary20 is indices into items; index 0 is null.
type Dictionary20 struct {
	Indices  *ArrayEncoding
	Items    *ArrayEncoding
	NumItems uint32
}

// FSST20 is a Binary20 whose values are compressed with a symbol table.
type FSST20 struct {
	Binary      *ArrayEncoding
	SymbolTable []byte
}

// PackedStruct20 is rows of concatenated children.
type PackedStruct20 struct {
	Inner  []*ArrayEncoding
	Buffer Buffer20
}

// Bitpacked20 is values of CompressedBits bits each that stand for values of UncompressedBits.
type Bitpacked20 struct {
	CompressedBits   uint64
	UncompressedBits uint64
	Buffer           Buffer20
	Signed           bool
}

// FixedSizeBinary20 is bytes cut into values of Width.
type FixedSizeBinary20 struct {
	Bytes *ArrayEncoding
	Width uint32
}

// DecodeArrayEncoding decodes a lance.encodings.ArrayEncoding.
func DecodeArrayEncoding(b []byte) (*ArrayEncoding, error) {
	m, err := decodeArray(b, maxDepth)
	return m, in("array encoding", err)
}

func arrayField(f Field, depth int) (*ArrayEncoding, error) {
	b, err := f.Message()
	if err != nil {
		return nil, err
	}
	return decodeArray(b, depth)
}

func decodeArray(b []byte, depth int) (*ArrayEncoding, error) {
	if depth == 0 {
		return nil, fmt.Errorf("%w: encodings nest too deep", ErrMalformed)
	}
	depth--
	m := &ArrayEncoding{}
	err := scanOne(b, func(f Field) error {
		inner, err := f.Message()
		if err != nil {
			return err
		}
		switch f.Num {
		case 1:
			m.Flat = &Flat20{}
			return decodeFlat20(inner, m.Flat)
		case 2:
			m.Nullable = &Nullable20{}
			return decodeNullable20(inner, m.Nullable, depth)
		case 3:
			x := &FixedSizeList20{}
			m.FixedSizeList = x
			return Scan(inner, func(f Field) (err error) {
				switch f.Num {
				case 1:
					x.Dimension, err = f.Uint32()
				case 2:
					x.Items, err = arrayField(f, depth)
				case 3:
					x.HasValidity, err = f.Bool()
				}
				return err
			})
		case 4:
			x := &List20{}
			m.List = x
			return Scan(inner, func(f Field) (err error) {
				switch f.Num {
				case 1:
					x.Offsets, err = arrayField(f, depth)
				case 2:
					x.NullOffsetAdjustment, err = f.Uint()
				case 3:
					x.NumItems, err = f.Uint()
				}
				return err
			})
		case 5:
			m.Struct = true
		case 6:
			x := &Binary20{}
			m.Binary = x
			return Scan(inner, func(f Field) (err error) {
				switch f.Num {
				case 1:
					x.Indices, err = arrayField(f, depth)
				case 2:
					x.Bytes, err = arrayField(f, depth)
				case 3:
					x.NullAdjustment, err = f.Uint()
				}
				return err
			})
		case 7:
			x := &Dictionary20{}
			m.Dictionary = x
			return Scan(inner, func(f Field) (err error) {
				switch f.Num {
				case 1:
					x.Indices, err = arrayField(f, depth)
				case 2:
					x.Items, err = arrayField(f, depth)
				case 3:
					x.NumItems, err = f.Uint32()
				}
				return err
			})
		case 8:
			x := &FSST20{}
			m.FSST = x
			return Scan(inner, func(f Field) (err error) {
				switch f.Num {
				case 1:
					x.Binary, err = arrayField(f, depth)
				case 2:
					x.SymbolTable, err = f.Message()
				}
				return err
			})
		case 9:
			x := &PackedStruct20{}
			m.PackedStruct = x
			return Scan(inner, func(f Field) error {
				switch f.Num {
				case 1:
					e, err := arrayField(f, depth)
					if err != nil {
						return err
					}
					x.Inner = append(x.Inner, e)
				case 2:
					return decodeBuffer20(f, &x.Buffer)
				}
				return nil
			})
		case 10:
			m.Bitpacked = &Bitpacked20{}
			return decodeBitpacked20(inner, m.Bitpacked)
		case 11:
			x := &FixedSizeBinary20{}
			m.FixedSizeBinary = x
			return Scan(inner, func(f Field) (err error) {
				switch f.Num {
				case 1:
					x.Bytes, err = arrayField(f, depth)
				case 2:
					x.Width, err = f.Uint32()
				}
				return err
			})
		case 12:
			m.BitpackedNonNeg = &Bitpacked20{}
			return decodeBitpacked20(inner, m.BitpackedNonNeg)
		case 13:
			m.HasConstant = true
			return Scan(inner, func(f Field) (err error) {
				if f.Num == 1 {
					m.Constant, err = f.Message()
				}
				return err
			})
		default:
			m.Other = int32(f.Num)
		}
		return nil
	})
	return m, err
}

func decodeFlat20(b []byte, m *Flat20) error {
	return Scan(b, func(f Field) (err error) {
		switch f.Num {
		case 1:
			m.BitsPerValue, err = f.Uint()
		case 2:
			err = decodeBuffer20(f, &m.Buffer)
		case 3:
			var inner []byte
			if inner, err = f.Message(); err != nil {
				return err
			}
			return Scan(inner, func(f Field) (err error) {
				if f.Num == 1 {
					m.Compression, err = f.Text()
				}
				return err
			})
		}
		return err
	})
}

func decodeBuffer20(f Field, m *Buffer20) error {
	b, err := f.Message()
	if err != nil {
		return err
	}
	return Scan(b, func(f Field) (err error) {
		switch f.Num {
		case 1:
			m.Index, err = f.Uint32()
		case 2:
			m.Kind, err = f.Uint32()
		}
		return err
	})
}

func decodeNullable20(b []byte, m *Nullable20, depth int) error {
	return scanOne(b, func(f Field) error {
		inner, err := f.Message()
		if err != nil {
			return err
		}
		switch f.Num {
		case 1:
			return Scan(inner, func(f Field) (err error) {
				if f.Num == 1 {
					m.Values, err = arrayField(f, depth)
				}
				return err
			})
		case 2:
			return Scan(inner, func(f Field) (err error) {
				switch f.Num {
				case 1:
					m.Validity, err = arrayField(f, depth)
				case 2:
					m.Values, err = arrayField(f, depth)
				}
				return err
			})
		case 3:
			m.AllNull = true
		}
		return nil
	})
}

func decodeBitpacked20(b []byte, m *Bitpacked20) error {
	return Scan(b, func(f Field) (err error) {
		switch f.Num {
		case 1:
			m.CompressedBits, err = f.Uint()
		case 2:
			m.UncompressedBits, err = f.Uint()
		case 3:
			err = decodeBuffer20(f, &m.Buffer)
		case 4:
			m.Signed, err = f.Bool()
		}
		return err
	})
}
