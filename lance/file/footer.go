package file

import (
	"encoding/binary"
	"fmt"

	"github.com/hearthcache/hearth/lance/internal/fault"
)

// FooterBytes is the length of the footer at the end of a file.
const FooterBytes = 40

// Magic ends every Lance file and manifest.
const Magic = "LANC"

// Version is the version of a file's format.
type Version struct{ Major, Minor uint16 }

// The versions that can be read.
var (
	V20 = Version{2, 0}
	V21 = Version{2, 1}
	V22 = Version{2, 2}
)

func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// Footer is the last 40 bytes of a file:
//
//	-40 u64 offset of the column metadata      -12 u32 number of columns
//	-32 u64 offset of the CMO table            -8  u16 major, u16 minor
//	-24 u64 offset of the GBO table            -4  "LANC"
//	-16 u32 number of global buffers
//
// The tables hold a u64 offset and a u64 size for each column's metadata and each global buffer.
type Footer struct {
	ColumnMetadata int64 // offset
	ColumnTable    int64 // offset of the CMO table
	GlobalTable    int64 // offset of the GBO table
	GlobalBuffers  int
	Columns        int
	Version        Version // 2.0 is written as 0.3 and shown as 2.0
}

// ParseFooter decodes the footer of a file of size bytes and checks that the tables it names lie inside, in front of it.
func ParseFooter(b []byte, size int64) (Footer, error) {
	var f Footer
	if len(b) != FooterBytes || size < FooterBytes {
		return f, fault.Corruptf("%d bytes are no Lance file", size)
	}
	if string(b[36:]) != Magic {
		return f, fault.Corruptf("no %q at the end: not a Lance file", Magic)
	}
	le := binary.LittleEndian
	f.Version = Version{le.Uint16(b[32:]), le.Uint16(b[34:])}
	switch f.Version {
	case Version{0, 3}:
		f.Version = V20
	case V20, V21, V22:
	default:
		return f, fault.Unsupportedf("file version %s", f.Version)
	}
	end := uint64(size - FooterBytes)
	table := func(name string, off uint64, n uint32) error {
		if off > end || uint64(n) > (end-off)/16 {
			return fault.Corruptf("%s of %d entries at %d in a file of %d bytes", name, n, off, size)
		}
		return nil
	}
	meta, cmo, gbo := le.Uint64(b[0:]), le.Uint64(b[8:]), le.Uint64(b[16:])
	g, n := le.Uint32(b[24:]), le.Uint32(b[28:])
	if err := table("column table", cmo, n); err != nil {
		return f, err
	}
	if err := table("global buffer table", gbo, g); err != nil {
		return f, err
	}
	if meta > cmo {
		return f, fault.Corruptf("column metadata at %d behind its table at %d", meta, cmo)
	}
	f.ColumnMetadata, f.ColumnTable, f.GlobalTable = int64(meta), int64(cmo), int64(gbo)
	f.GlobalBuffers, f.Columns = int(g), int(n)
	return f, nil
}
