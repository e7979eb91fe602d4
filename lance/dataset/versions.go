package dataset

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
)

const (
	versionsFolder = "_versions"
	manifestSuffix = ".manifest"
	// v2Digits is the length of a name of the second scheme, by which it is told from the first.
	v2Digits = 20
)

// VersionPath is the path of the manifest of a version in the second naming scheme, which new tables use: the version
// subtracted from the largest u64, so that a listing begins with the latest.
func VersionPath(version uint64) string {
	return fmt.Sprintf("%s/%020d%s", versionsFolder, math.MaxUint64-version, manifestSuffix)
}

// DataPath is the path of a data file.
func DataPath(f *pb.DataFile) string { return "data/" + f.Path }

// IndexFolder is the folder of an index's files.
func IndexFolder(uuid [16]byte) string {
	return fmt.Sprintf("_indices/%x-%x-%x-%x-%x", uuid[:4], uuid[4:6], uuid[6:8], uuid[8:10], uuid[10:])
}

// versionPathV1 is the path in the first scheme.
func versionPathV1(version uint64) string {
	return fmt.Sprintf("%s/%d%s", versionsFolder, version, manifestSuffix)
}

// ParseVersionName returns the version that a manifest's file name stands for. Detached versions, hints and anything else
// are not ok.
func ParseVersionName(name string) (version uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, manifestSuffix)
	if !ok || digits == "" || digits[0] < '0' || digits[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return 0, false
	}
	if len(digits) == v2Digits {
		return math.MaxUint64 - n, true
	}
	return n, true
}

// VersionEntry is one version of a table as a listing shows it.
type VersionEntry struct {
	Version   uint64
	Path      string
	SizeBytes int64
}

// Versions lists the versions of a table, latest first. A table that does not exist has none.
func Versions(ctx context.Context, s storage.Store) ([]VersionEntry, error) {
	entries, err := s.List(ctx, versionsFolder)
	if err != nil {
		return nil, err
	}
	var out []VersionEntry
	for _, e := range entries {
		if v, ok := ParseVersionName(e.Name()); ok && !e.Dir {
			out = append(out, VersionEntry{v, e.Path, e.Size})
		}
	}
	slices.SortFunc(out, func(a, b VersionEntry) int {
		switch {
		case a.Version > b.Version:
			return -1
		case a.Version < b.Version:
			return 1
		}
		return strings.Compare(a.Path, b.Path)
	})
	return out, nil
}
