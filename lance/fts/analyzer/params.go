package analyzer

import (
	"errors"
	"fmt"
)

// ErrUnsupported is returned for parameters whose terms this package cannot produce.
var ErrUnsupported = errors.New("analyzer: unsupported parameters")

// Base tokenizers.
const (
	Simple     = "simple"     // runs of letters and digits
	Whitespace = "whitespace" // runs of anything but ASCII white space
	Raw        = "raw"        // the whole text
	Ngram      = "ngram"      // every substring of MinNgram to MaxNgram characters
)

// Params says how text becomes terms. The JSON form is the one that an index's metadata file holds under "params".
type Params struct {
	LanceTokenizer string `json:"lance_tokenizer"` // "" or "text"; "json" is not supported
	BaseTokenizer  string `json:"base_tokenizer"`  // see the constants
	Language       string `json:"language"`        // for stemming and built-in stop words, as "English"

	MaxTokenLength *int `json:"max_token_length"` // bytes; a token of this length or longer is dropped; nil keeps all

	LowerCase       bool      `json:"lower_case"`
	Stem            bool      `json:"stem"`
	RemoveStopWords bool      `json:"remove_stop_words"`
	CustomStopWords *[]string `json:"custom_stop_words"` // nil means the list of Language; compared after stemming
	ASCIIFolding    bool      `json:"ascii_folding"`

	MinNgram   int  `json:"min_ngram_length"` // characters
	MaxNgram   int  `json:"max_ngram_length"` // characters
	PrefixOnly bool `json:"prefix_only"`      // only the n-grams that begin the text
}

// DefaultParams returns what LanceDB uses when an index is made without options.
func DefaultParams() Params {
	limit := 40
	return Params{
		BaseTokenizer:   Simple,
		Language:        "English",
		MaxTokenLength:  &limit,
		LowerCase:       true,
		Stem:            true,
		RemoveStopWords: true,
		ASCIIFolding:    true,
		MinNgram:        3,
		MaxNgram:        3,
	}
}

func (p Params) validate() error {
	switch p.LanceTokenizer {
	case "", "text":
	default:
		return fmt.Errorf("%w: document kind %q", ErrUnsupported, p.LanceTokenizer)
	}
	switch p.BaseTokenizer {
	case Simple, Whitespace, Raw:
	case Ngram:
		if p.MinNgram < 1 || p.MaxNgram < p.MinNgram {
			return fmt.Errorf("%w: n-grams of %d to %d characters", ErrUnsupported, p.MinNgram, p.MaxNgram)
		}
	default:
		return fmt.Errorf("%w: base tokenizer %q", ErrUnsupported, p.BaseTokenizer)
	}
	if p.MaxTokenLength != nil && *p.MaxTokenLength < 0 {
		return fmt.Errorf("%w: token length limit %d", ErrUnsupported, *p.MaxTokenLength)
	}
	if p.Language != "English" {
		if p.Stem {
			return fmt.Errorf("%w: stemming of language %q", ErrUnsupported, p.Language)
		}
		if p.RemoveStopWords && p.CustomStopWords == nil {
			return fmt.Errorf("%w: stop words of language %q", ErrUnsupported, p.Language)
		}
	}
	return nil
}
