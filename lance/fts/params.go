package fts

import (
	"bytes"
	"encoding/json"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/hearthcache/hearth/lance/fts/analyzer"
	"github.com/hearthcache/hearth/lance/fts/postings"
	"github.com/hearthcache/hearth/lance/pb"
)

// DefaultParams are those of an index that LanceDB makes without options.
func DefaultParams() Params { return Params{Params: analyzer.DefaultParams()}.withFormat() }

// withFormat sets what says how indexes are stored to what is written here.
func (p Params) withFormat() Params {
	p.BlockDocs, p.TokenSet, p.Format = postings.BlockDocs, tokenSetFST, 2
	return p
}

// storedParams are the parameters as a metadata file holds them.
type storedParams struct {
	LanceTokenizer     *string   `json:"lance_tokenizer"`
	BaseTokenizer      string    `json:"base_tokenizer"`
	Language           string    `json:"language"`
	WithPosition       bool      `json:"with_position"`
	MaxTokenLength     *int      `json:"max_token_length"`
	LowerCase          bool      `json:"lower_case"`
	Stem               bool      `json:"stem"`
	RemoveStopWords    bool      `json:"remove_stop_words"`
	CustomStopWords    *[]string `json:"custom_stop_words"`
	ASCIIFolding       bool      `json:"ascii_folding"`
	MinNgram           int       `json:"min_ngram_length"`
	MaxNgram           int       `json:"max_ngram_length"`
	PrefixOnly         bool      `json:"prefix_only"`
	BlockSize          int       `json:"block_size"`
	SplitIdentifiers   bool      `json:"split_identifiers"`
	SplitOnNumerics    bool      `json:"split_on_numerics"`
	PreserveOriginal   bool      `json:"preserve_original"`
	IndexOfPunctuation bool      `json:"index_operators"`
}

// marshal is the JSON text of the parameters, as LanceDB writes it.
func (p Params) marshal() (string, error) {
	s := storedParams{
		BaseTokenizer: p.BaseTokenizer, Language: p.Language, WithPosition: p.WithPosition, MaxTokenLength: p.MaxTokenLength,
		LowerCase: p.LowerCase, Stem: p.Stem, RemoveStopWords: p.RemoveStopWords, CustomStopWords: p.CustomStopWords,
		ASCIIFolding: p.ASCIIFolding, MinNgram: p.MinNgram, MaxNgram: p.MaxNgram, PrefixOnly: p.PrefixOnly, BlockSize: p.BlockDocs,
	}
	if p.LanceTokenizer != "" {
		s.LanceTokenizer = &p.LanceTokenizer
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(s)
	return strings.TrimSuffix(b.String(), "\n"), err
}

const (
	detailsURL = "/lance.table.InvertedIndexDetails"
	// indexVersion is that of a full-text index in a table's manifest.
	indexVersion = 2
)

// Details are what a manifest says of an index built with the parameters.
func (p Params) Details() *pb.Any {
	p = p.withFormat()
	var b []byte
	text := func(num protowire.Number, s string) {
		b = protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), s)
	}
	number := func(num protowire.Number, v uint64) {
		if v != 0 {
			b = protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
		}
	}
	text(1, p.BaseTokenizer)
	quoted, _ := json.Marshal(p.Language) // a string never fails
	text(2, string(quoted))
	number(3, protowire.EncodeBool(p.WithPosition))
	if p.MaxTokenLength != nil {
		number(4, uint64(*p.MaxTokenLength))
	}
	number(5, protowire.EncodeBool(p.LowerCase))
	number(6, protowire.EncodeBool(p.Stem))
	number(7, protowire.EncodeBool(p.RemoveStopWords))
	number(8, protowire.EncodeBool(p.ASCIIFolding))
	number(9, uint64(p.MinNgram))
	number(10, uint64(p.MaxNgram))
	number(11, protowire.EncodeBool(p.PrefixOnly))
	number(12, uint64(p.BlockDocs))
	number(15, uint64(p.Format))
	return &pb.Any{TypeURL: detailsURL, Value: b}
}
