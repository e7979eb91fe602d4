package memwal

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// maxHintBytes bounds a version hint; a real one has 13 to 31 bytes.
const maxHintBytes = 4 << 10

// DecodeVersionHint reads version_hint.json and returns the version it names, at least
// 1. The hint is best effort: it may be behind, and a reader that cannot use it starts
// at version 1. It fails with ErrCorrupt.
func DecodeVersionHint(data []byte) (uint64, error) {
	if len(data) > maxHintBytes {
		return 0, fmt.Errorf("version hint: %w: %d bytes", ErrCorrupt, len(data))
	}
	var hint struct {
		Version uint64 `json:"version"`
	}
	if err := json.Unmarshal(data, &hint); err != nil {
		return 0, fmt.Errorf("version hint: %w: %w", ErrCorrupt, err)
	}
	if hint.Version == 0 {
		return 0, fmt.Errorf("version hint: %w: no version", ErrCorrupt)
	}
	return hint.Version, nil
}

// EncodeVersionHint returns the bytes of version_hint.json.
func EncodeVersionHint(version uint64) []byte {
	return []byte(`{"version":` + strconv.FormatUint(version, 10) + `}`)
}
