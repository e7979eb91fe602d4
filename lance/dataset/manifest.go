package dataset

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
)

const (
	// tailBytes is the end of a manifest object: u64 offset of the manifest, u16 0, u16 2, "LANC".
	tailBytes = 16
	magic     = "LANC"
	// firstReadBytes is what is read at first; most manifests are smaller.
	firstReadBytes = 64 << 10
)

// Feature flags of a manifest's readers.
const (
	flagDeletions    = 1 << 0
	flagStableRowIDs = 1 << 1
	flagV2Format     = 1 << 2
	flagTableConfig  = 1 << 3
	flagBasePaths    = 1 << 4 // a file that uses one is refused when it is read
	flagNoTxnFiles   = 1 << 5
	knownFlags       = flagDeletions | flagStableRowIDs | flagV2Format | flagTableConfig | flagBasePaths | flagNoTxnFiles
)

// Manifest is a decoded manifest object: one version of a table.
type Manifest struct {
	*pb.Manifest
	// Indexes are the entries of the index section.
	Indexes []pb.IndexMetadata
	// namedV1 says that versions of the table are named in the first scheme.
	namedV1 bool
}

// StableRowIDs says whether rows have ids apart from their addresses; indexes then hold those.
func (m *Manifest) StableRowIDs() bool { return m.ReaderFlags&flagStableRowIDs != 0 }

// ReadManifest reads and checks a manifest object:
//
//	[u32 len][IndexSection]  [u32 len][Transaction]  [u32 len][Manifest] at P  |  u64 P, u16 0, u16 2, "LANC"
//
// It takes one read for most manifests, two for large ones. A manifest with feature flags that are not known is
// ErrUnsupported.
func ReadManifest(ctx context.Context, obj storage.Object) (*Manifest, error) {
	m, err := readManifest(ctx, obj)
	if err != nil {
		return nil, fmt.Errorf("lance manifest %s: %w", obj.Path(), err)
	}
	return m, nil
}

func readManifest(ctx context.Context, obj storage.Object) (*Manifest, error) {
	size := obj.Size()
	if size < tailBytes+4 {
		return nil, fault.Corruptf("%d bytes", size)
	}
	from := max(0, size-firstReadBytes)
	b := make([]byte, size-from)
	if err := obj.ReadRange(ctx, b, from); err != nil {
		return nil, err
	}
	tail := b[len(b)-tailBytes:]
	if string(tail[12:]) != magic {
		return nil, fault.Corruptf("at %d: no %q at the end", size-4, magic)
	}
	if major, minor := binary.LittleEndian.Uint16(tail[8:]), binary.LittleEndian.Uint16(tail[10:]); major != 0 || minor > 2 {
		return nil, fault.Unsupportedf("manifest framing %d.%d", major, minor)
	}
	at := binary.LittleEndian.Uint64(tail)
	if at > uint64(size-tailBytes-4) {
		return nil, fault.Corruptf("at %d: manifest at %d of %d bytes", size-tailBytes, at, size)
	}
	section := func(at uint64) ([]byte, error) {
		if at > uint64(size-tailBytes-4) {
			return nil, fault.Corruptf("section at %d of %d bytes", at, size)
		}
		if int64(at) < from {
			more := make([]byte, size-int64(at))
			if err := obj.ReadRange(ctx, more[:from-int64(at)], int64(at)); err != nil {
				return nil, err
			}
			copy(more[from-int64(at):], b)
			from, b = int64(at), more
		}
		s := b[int64(at)-from : size-tailBytes-from]
		n := binary.LittleEndian.Uint32(s)
		if uint64(n) > uint64(len(s)-4) {
			return nil, fault.Corruptf("section of %d bytes at %d of %d", n, at, size)
		}
		return s[4 : 4+n : 4+n], nil
	}
	body, err := section(at)
	if err != nil {
		return nil, err
	}
	if int64(len(body)) != size-tailBytes-4-int64(at) {
		return nil, fault.Corruptf("manifest of %d bytes at %d of %d", len(body), at, size)
	}
	pm, err := pb.DecodeManifest(body)
	if err != nil {
		return nil, fmt.Errorf("at %d: %w: %w", at, fault.ErrCorrupt, err)
	}
	m := &Manifest{Manifest: pm}
	if unknown := pm.ReaderFlags &^ knownFlags; unknown != 0 {
		return nil, fault.Unsupportedf("reader feature flags %#x", unknown)
	}
	if pm.IndexSection != nil {
		s, err := section(*pm.IndexSection)
		if err != nil {
			return nil, fmt.Errorf("index section: %w", err)
		}
		if m.Indexes, err = pb.DecodeIndexSection(s); err != nil {
			return nil, fmt.Errorf("at %d: %w: %w", *pm.IndexSection, fault.ErrCorrupt, err)
		}
	}
	return m, nil
}

// LoadVersion reads the manifest of a version, whichever way it is named.
func LoadVersion(ctx context.Context, s storage.Store, version uint64) (*Manifest, error) {
	obj, err := s.Open(ctx, VersionPath(version))
	if errors.Is(err, storage.ErrNotFound) {
		obj, err = s.Open(ctx, versionPathV1(version))
	}
	if err != nil {
		return nil, fmt.Errorf("lance dataset: version %d: %w", version, err)
	}
	defer obj.Close()
	return checkVersion(ctx, obj, version)
}

// LoadLatest lists the versions and reads the manifest of the latest.
func LoadLatest(ctx context.Context, s storage.Store) (*Manifest, error) {
	vs, err := Versions(ctx, s)
	if err != nil {
		return nil, err
	}
	if len(vs) == 0 {
		return nil, fmt.Errorf("lance dataset: no version: %w", ErrNotFound)
	}
	obj, err := storage.OpenSized(ctx, s, vs[0].Path, vs[0].SizeBytes)
	if err != nil {
		return nil, err
	}
	defer obj.Close()
	return checkVersion(ctx, obj, vs[0].Version)
}

func checkVersion(ctx context.Context, obj storage.Object, version uint64) (*Manifest, error) {
	m, err := ReadManifest(ctx, obj)
	if err != nil {
		return nil, err
	}
	if m.Version != version {
		return nil, fmt.Errorf("lance manifest %s: %w", obj.Path(), fault.Corruptf("holds version %d", m.Version))
	}
	m.namedV1 = path.Base(obj.Path()) == path.Base(versionPathV1(version))
	return m, nil
}
