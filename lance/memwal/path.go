package memwal

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

const (
	// Dir is the directory below a table that holds its shards.
	Dir = "_mem_wal"
	// VersionHintName is the object beside the manifests that hints at the newest one.
	VersionHintName = "version_hint.json"
	// PKIndexDir is the directory below a generation that holds its primary-key index.
	PKIndexDir = "_pk_index"
	// BloomFilterName is the object below a generation that holds its bloom filter.
	BloomFilterName = "bloom_filter.bin"

	manifestDir    = "manifest"
	walDir         = "wal"
	manifestSuffix = ".binpb"
	walSuffix      = ".arrow"
	generationMark = "_gen_"
	rev64Len       = 64
	uuidLen        = 36
)

// Rev64 writes the 64 binary digits of n, least significant first: 1 is "1000…",
// 6 is "0110…".
func Rev64(n uint64) string {
	var b [rev64Len]byte
	for i := range b {
		b[i] = '0' + byte(n>>i&1)
	}
	return string(b[:])
}

// ParseRev64 is the inverse of Rev64. ok is false unless s is exactly 64 digits 0 or 1.
func ParseRev64(s string) (n uint64, ok bool) {
	if len(s) != rev64Len {
		return 0, false
	}
	for i := range rev64Len {
		d := s[i] - '0'
		if d > 1 {
			return 0, false
		}
		n = n<<1 | uint64(d)
	}
	return bits.Reverse64(n), true
}

// ManifestName is the object name of a manifest version, without directories.
func ManifestName(version uint64) string { return Rev64(version) + manifestSuffix }

// WALName is the object name of a WAL position, without directories.
func WALName(position uint64) string { return Rev64(position) + walSuffix }

// GenerationDir names a generation's directory. prefix is random, so that a flush
// that is repeated never writes over the remains of one that failed.
func GenerationDir(prefix uint32, generation uint64) string {
	return fmt.Sprintf("%08x%s%d", prefix, generationMark, generation)
}

// ShardPath is the key prefix of a shard, without a slash at its end. An empty table
// gives keys relative to the table.
func ShardPath(table, shard string) string {
	if table == "" {
		return Dir + "/" + shard
	}
	return table + "/" + Dir + "/" + shard
}

// ManifestPath is the key of one version of a shard's manifest.
func ManifestPath(table, shard string, version uint64) string {
	return ManifestDirPath(table, shard) + "/" + ManifestName(version)
}

// ManifestDirPath is the key prefix of a shard's manifests, without a slash at its end.
func ManifestDirPath(table, shard string) string {
	return ShardPath(table, shard) + "/" + manifestDir
}

// VersionHintPath is the key of a shard's version hint.
func VersionHintPath(table, shard string) string {
	return ManifestDirPath(table, shard) + "/" + VersionHintName
}

// WALPath is the key of one WAL entry.
func WALPath(table, shard string, position uint64) string {
	return WALDirPath(table, shard) + "/" + WALName(position)
}

// WALDirPath is the key prefix of a shard's WAL entries, without a slash at its end.
func WALDirPath(table, shard string) string {
	return ShardPath(table, shard) + "/" + walDir
}

// GenerationPath is the key prefix of a generation, without a slash at its end. dir
// is SSTable.Path.
func GenerationPath(table, shard, dir string) string {
	return ShardPath(table, shard) + "/" + dir
}

// ParseShardPath splits a key at or below a shard. table is what stands before
// "/_mem_wal/" (empty for a key relative to its table), shard the lower-case UUID that
// follows, rest what comes after the shard, without its leading slash. When the
// directory name occurs more than once, the outermost that is followed by a UUID counts.
func ParseShardPath(key string) (table, shard, rest string, ok bool) {
	for from := 0; ; {
		at := strings.Index(key[from:], Dir+"/")
		if at < 0 {
			return "", "", "", false
		}
		at += from
		from = at + len(Dir) + 1
		if at > 0 && key[at-1] != '/' {
			continue
		}
		shard, rest, _ = strings.Cut(key[from:], "/")
		if !isUUID(shard) {
			continue
		}
		return strings.TrimSuffix(key[:at], "/"), shard, rest, true
	}
}

// ParseManifestPath recognises the key of a shard manifest. A version hint is not one.
func ParseManifestPath(key string) (table, shard string, version uint64, ok bool) {
	return parseNumbered(key, manifestDir, manifestSuffix)
}

// ParseWALPath recognises the key of a WAL entry.
func ParseWALPath(key string) (table, shard string, position uint64, ok bool) {
	return parseNumbered(key, walDir, walSuffix)
}

// ParseVersionHintPath recognises the key of a shard's version hint.
func ParseVersionHintPath(key string) (table, shard string, ok bool) {
	table, shard, rest, ok := ParseShardPath(key)
	if !ok || rest != manifestDir+"/"+VersionHintName {
		return "", "", false
	}
	return table, shard, true
}

// ParseGenerationPath recognises a key at or below a generation whose directory has
// the shape that Lance gives it, {hex}_gen_{generation}. rest is the key below the
// directory without its leading slash: empty for the directory itself, with or without
// a slash at its end. It says nothing about whether the generation is published.
func ParseGenerationPath(key string) (table, shard, dir string, generation uint64, rest string, ok bool) {
	table, shard, rest, ok = ParseShardPath(key)
	if !ok {
		return "", "", "", 0, "", false
	}
	dir, rest, _ = strings.Cut(rest, "/")
	generation, ok = ParseGenerationDir(dir)
	if !ok {
		return "", "", "", 0, "", false
	}
	return table, shard, dir, generation, rest, true
}

// ParseGenerationDir reads the number from a directory name as GenerationDir makes
// it. The prefix may be 1 to 32 lower-case hexadecimal digits; the number is decimal,
// at least 1, and has no leading zero.
func ParseGenerationDir(dir string) (generation uint64, ok bool) {
	prefix, digits, found := strings.Cut(dir, generationMark)
	if !found || prefix == "" || len(prefix) > 32 || digits == "" || digits[0] < '1' || digits[0] > '9' {
		return 0, false
	}
	for i := range len(prefix) {
		if !isHex(prefix[i]) {
			return 0, false
		}
	}
	generation, err := strconv.ParseUint(digits, 10, 64)
	return generation, err == nil
}

func parseNumbered(key, dir, suffix string) (table, shard string, number uint64, ok bool) {
	table, shard, rest, ok := ParseShardPath(key)
	if !ok {
		return "", "", 0, false
	}
	name, found := strings.CutPrefix(rest, dir+"/")
	if !found {
		return "", "", 0, false
	}
	digits, found := strings.CutSuffix(name, suffix)
	if !found {
		return "", "", 0, false
	}
	number, ok = ParseRev64(digits)
	if !ok || number == 0 {
		return "", "", 0, false
	}
	return table, shard, number, true
}

// isUUID accepts the canonical lower-case form alone: object keys are compared byte by
// byte, so another spelling is another shard.
func isUUID(s string) bool {
	if len(s) != uuidLen {
		return false
	}
	for i := range uuidLen {
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if !isHex(s[i]) {
				return false
			}
		}
	}
	return true
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }
