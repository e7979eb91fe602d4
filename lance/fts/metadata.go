package fts

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/hearthcache/hearth/lance/fts/analyzer"
)

// Params says how an index was built.
type Params struct {
	analyzer.Params
	WithPosition bool   // posting lists say where terms stand
	BlockDocs    int    // documents in a block of a posting list
	TokenSet     string // "fst" or "arrow": how dictionaries are stored
	Format       int    // version of the posting lists
}

// Keys of the metadata of an index's files, and the values that are understood.
const (
	keyParams        = "params"
	keyPartitions    = "partitions"
	keyTokenSet      = "token_set_format"
	keyFormat        = "format_version"
	keyBlockSize     = "posting_block_size"
	keyTailCodec     = "posting_tail_codec"
	keyPositions     = "positions_layout"
	keyPositionCodec = "positions_codec"

	tokenSetFST      = "fst"
	tokenSetArrow    = "arrow"
	formatVersion    = "2"
	blockSize        = "128"
	tailCodec        = "varint_delta_v1"
	positionsLayout  = "shared_stream_v2"
	positionsCodec   = "packed_delta_v1"
	totalTokens      = "total_tokens"
	maxPartitions    = 1 << 16
	deletedFragments = "deleted_fragments"
)

// parseMetadata reads the metadata of an index's metadata file.
func parseMetadata(m map[string]string) (p Params, partitions []uint64, err error) {
	var raw struct {
		analyzer.Params
		WithPosition bool `json:"with_position"`
		BlockSize    int  `json:"block_size"`
	}
	raw.Params = analyzer.DefaultParams()
	raw.BlockSize = 128
	text, ok := m[keyParams]
	if !ok {
		return p, nil, fmt.Errorf("%w: an index without partitions", ErrUnsupported)
	}
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return p, nil, fmt.Errorf("%w: parameters: %w", ErrCorrupt, err)
	}
	p = Params{Params: raw.Params, WithPosition: raw.WithPosition, BlockDocs: raw.BlockSize, TokenSet: tokenSetArrow, Format: 2}
	if s, ok := m[keyTokenSet]; ok {
		p.TokenSet = s
	}
	if p.TokenSet != tokenSetFST && p.TokenSet != tokenSetArrow {
		return p, nil, fmt.Errorf("%w: token set format %q", ErrUnsupported, p.TokenSet)
	}
	if err := expect(m, keyFormat, formatVersion); err != nil {
		return p, nil, err
	}
	if err := expect(m, keyBlockSize, blockSize); err != nil {
		return p, nil, err
	}
	if err := expect(m, keyTailCodec, tailCodec); err != nil {
		return p, nil, err
	}
	if err := json.Unmarshal([]byte(m[keyPartitions]), &partitions); err != nil {
		return p, nil, fmt.Errorf("%w: partitions: %w", ErrCorrupt, err)
	}
	if len(partitions) > maxPartitions {
		return p, nil, fmt.Errorf("%w: %d partitions", ErrCorrupt, len(partitions))
	}
	return p, partitions, nil
}

// expect refuses a file whose metadata has another value for key than the one understood.
func expect(m map[string]string, key, want string) error {
	if got, ok := m[key]; !ok || got != want {
		return fmt.Errorf("%w: %s %s", ErrUnsupported, key, strconv.Quote(got))
	}
	return nil
}
