package pb

import "fmt"

// Manifest is lance.table.Manifest: one version of a dataset.
type Manifest struct {
	Fields             []SchemaField
	Fragments          []DataFragment
	Version            uint64
	SchemaMetadata     map[string][]byte
	IndexSection       *uint64 // offset in the manifest object; nil when there is none
	TimestampSeconds   int64
	TimestampNanos     int32
	Tag                string
	ReaderFlags        uint64
	WriterFlags        uint64
	MaxFragmentID      *uint32
	TransactionFile    string
	Writer             WriterVersion
	NextRowID          uint64
	DataFormat         DataFormat
	Config             map[string]string
	BasePaths          []BasePath
	TableMetadata      map[string]string
	Branch             string
	TransactionSection *uint64
	Unknown            []byte
}

// WriterVersion names the library that wrote a manifest.
type WriterVersion struct{ Library, Version, Prerelease, Build string }

// DataFormat is the file format of new data files of a table.
type DataFormat struct{ Format, Version string }

// BasePath is another place that a table's files may live in.
type BasePath struct {
	ID            uint32
	Name          string
	IsDatasetRoot bool
	Path          string
}

// DataFragment is a horizontal slice of a table.
type DataFragment struct {
	ID             uint64
	Files          []DataFile
	Deletion       *DeletionFile
	PhysicalRows   uint64 // including deleted rows
	InlineRowIDs   []byte // stable row ids only
	ExternalRowIDs bool
	HasOverlays    bool
	Unknown        []byte
}

// DataFile is one file of a fragment and the columns it holds.
type DataFile struct {
	Path          string // relative to the data folder
	Fields        []int32
	ColumnIndices []int32
	MajorVersion  uint32
	MinorVersion  uint32
	SizeBytes     uint64 // 0 when not known
	BaseID        *uint32
	Unknown       []byte
}

// Kinds of deletion files.
const (
	DeletionArrow  = 0
	DeletionBitmap = 1
)

// DeletionFile names the deleted rows of a fragment.
type DeletionFile struct {
	Kind        uint32
	ReadVersion uint64
	ID          uint64
	NumDeleted  uint64
	BaseID      *uint32
	Unknown     []byte
}

// IndexMetadata is one index, or one segment of an index, of a table.
type IndexMetadata struct {
	UUID           [16]byte
	Fields         []int32
	Name           string
	DatasetVersion uint64
	FragmentBitmap []byte // portable Roaring; nil when not given
	Details        *Any
	IndexVersion   int32
	CreatedAtMs    *uint64
	BaseID         *uint32
	Files          []IndexFile
	CoveringFields []int32
	Unknown        []byte
}

// IndexFile is one file of an index.
type IndexFile struct {
	Path      string
	SizeBytes uint64
}

// DecodeManifest decodes a lance.table.Manifest.
func DecodeManifest(b []byte) (*Manifest, error) {
	m := &Manifest{}
	err := scanMessage("manifest", b, func(f Field) (err error) {
		switch f.Num {
		case 1:
			m.Fields, err = decodeInto(m.Fields, f, DecodeSchemaField)
		case 2:
			m.Fragments, err = decodeInto(m.Fragments, f, decodeFragment)
		case 3:
			m.Version, err = f.Uint()
		case 5:
			m.SchemaMetadata, err = putBytes(m.SchemaMetadata, f)
		case 6:
			m.IndexSection, err = optional(f.Uint())
		case 7:
			err = embedded(f, func(f Field) (err error) {
				var v uint64
				switch f.Num {
				case 1:
					v, err = f.Uint()
					m.TimestampSeconds = int64(v)
				case 2:
					m.TimestampNanos, err = f.Int32()
				}
				return err
			})
		case 8:
			m.Tag, err = f.Text()
		case 9:
			m.ReaderFlags, err = f.Uint()
		case 10:
			m.WriterFlags, err = f.Uint()
		case 11:
			m.MaxFragmentID, err = optional(f.Uint32())
		case 12:
			m.TransactionFile, err = f.Text()
		case 13:
			err = embedded(f, func(f Field) (err error) {
				switch f.Num {
				case 1:
					m.Writer.Library, err = f.Text()
				case 2:
					m.Writer.Version, err = f.Text()
				case 3:
					m.Writer.Prerelease, err = f.Text()
				case 4:
					m.Writer.Build, err = f.Text()
				}
				return err
			})
		case 14:
			m.NextRowID, err = f.Uint()
		case 15:
			err = embedded(f, func(f Field) (err error) {
				switch f.Num {
				case 1:
					m.DataFormat.Format, err = f.Text()
				case 2:
					m.DataFormat.Version, err = f.Text()
				}
				return err
			})
		case 16:
			m.Config, err = putString(m.Config, f)
		case 18:
			m.BasePaths, err = decodeInto(m.BasePaths, f, decodeBasePath)
		case 19:
			m.TableMetadata, err = putString(m.TableMetadata, f)
		case 20:
			m.Branch, err = f.Text()
		case 21:
			m.TransactionSection, err = optional(f.Uint())
		default:
			m.Unknown = append(m.Unknown, f.Raw...)
		}
		return err
	})
	return m, err
}

func optional[T any](v T, err error) (*T, error) { return &v, err }

// embedded scans the fields of an embedded message.
func embedded(f Field, fn func(Field) error) error {
	b, err := f.Message()
	if err != nil {
		return err
	}
	return Scan(b, fn)
}

func decodeBasePath(b []byte) (BasePath, error) {
	var m BasePath
	err := scanMessage("base path", b, func(f Field) (err error) {
		switch f.Num {
		case 1:
			m.ID, err = f.Uint32()
		case 2:
			m.Name, err = f.Text()
		case 3:
			m.IsDatasetRoot, err = f.Bool()
		case 4:
			m.Path, err = f.Text()
		}
		return err
	})
	return m, err
}

func decodeFragment(b []byte) (DataFragment, error) {
	var m DataFragment
	err := scanMessage("fragment", b, func(f Field) (err error) {
		switch f.Num {
		case 1:
			m.ID, err = f.Uint()
		case 2:
			m.Files, err = decodeInto(m.Files, f, decodeDataFile)
		case 3:
			m.Deletion, err = decodeOne(f, decodeDeletion)
		case 4:
			m.PhysicalRows, err = f.Uint()
		case 5:
			m.InlineRowIDs, err = f.Message()
		case 6:
			m.ExternalRowIDs = true
			m.Unknown = append(m.Unknown, f.Raw...)
		case 11:
			m.HasOverlays = true
			m.Unknown = append(m.Unknown, f.Raw...)
		default:
			m.Unknown = append(m.Unknown, f.Raw...)
		}
		return err
	})
	return m, err
}

func decodeDataFile(b []byte) (DataFile, error) {
	var m DataFile
	err := scanMessage("data file", b, func(f Field) (err error) {
		switch f.Num {
		case 1:
			m.Path, err = f.Text()
		case 2:
			m.Fields, err = f.AppendInt32s(m.Fields)
		case 3:
			m.ColumnIndices, err = f.AppendInt32s(m.ColumnIndices)
		case 4:
			m.MajorVersion, err = f.Uint32()
		case 5:
			m.MinorVersion, err = f.Uint32()
		case 6:
			m.SizeBytes, err = f.Uint()
		case 7:
			m.BaseID, err = optional(f.Uint32())
		default:
			m.Unknown = append(m.Unknown, f.Raw...)
		}
		return err
	})
	return m, err
}

func decodeDeletion(b []byte) (DeletionFile, error) {
	var m DeletionFile
	err := scanMessage("deletion file", b, func(f Field) (err error) {
		switch f.Num {
		case 1:
			m.Kind, err = f.Uint32()
		case 2:
			m.ReadVersion, err = f.Uint()
		case 3:
			m.ID, err = f.Uint()
		case 4:
			m.NumDeleted, err = f.Uint()
		case 7:
			m.BaseID, err = optional(f.Uint32())
		default:
			m.Unknown = append(m.Unknown, f.Raw...)
		}
		return err
	})
	return m, err
}

// DecodeIndexSection decodes a lance.table.IndexSection.
func DecodeIndexSection(b []byte) ([]IndexMetadata, error) {
	var out []IndexMetadata
	err := scanMessage("index section", b, func(f Field) (err error) {
		if f.Num == 1 {
			out, err = decodeInto(out, f, decodeIndex)
		}
		return err
	})
	return out, err
}

func decodeIndex(b []byte) (IndexMetadata, error) {
	var m IndexMetadata
	err := scanMessage("index metadata", b, func(f Field) (err error) {
		switch f.Num {
		case 1:
			m.UUID, err = decodeUUID(f)
		case 2:
			m.Fields, err = f.AppendInt32s(m.Fields)
		case 3:
			m.Name, err = f.Text()
		case 4:
			m.DatasetVersion, err = f.Uint()
		case 5:
			m.FragmentBitmap, err = f.Message()
		case 6:
			m.Details, err = decodeOne(f, DecodeAny)
		case 7:
			m.IndexVersion, err = f.Int32()
		case 8:
			m.CreatedAtMs, err = optional(f.Uint())
		case 9:
			m.BaseID, err = optional(f.Uint32())
		case 10:
			m.Files, err = decodeInto(m.Files, f, decodeIndexFile)
		case 11:
			m.CoveringFields, err = f.AppendInt32s(m.CoveringFields)
		default:
			m.Unknown = append(m.Unknown, f.Raw...)
		}
		return err
	})
	return m, err
}

func decodeIndexFile(b []byte) (IndexFile, error) {
	var m IndexFile
	err := scanMessage("index file", b, func(f Field) (err error) {
		switch f.Num {
		case 1:
			m.Path, err = f.Text()
		case 2:
			m.SizeBytes, err = f.Uint()
		}
		return err
	})
	return m, err
}

// decodeUUID decodes a lance.table.UUID.
func decodeUUID(f Field) ([16]byte, error) {
	var id [16]byte
	err := embedded(f, func(f Field) error {
		if f.Num != 1 {
			return nil
		}
		b, err := f.Message()
		if err != nil {
			return err
		}
		if len(b) != len(id) {
			return fmt.Errorf("%w: UUID of %d bytes", ErrMalformed, len(b))
		}
		copy(id[:], b)
		return nil
	})
	return id, err
}
