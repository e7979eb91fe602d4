package origin

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/url"
)

// errMalformed is an answer that is not the XML it should be. It is tried again:
// a body without a length that breaks off looks like that.
var errMalformed = fmt.Errorf("%w: malformed XML", ErrCorrupt)

// An Entry is one object of a listing.
type Entry struct {
	// Key is decoded.
	Key string
	// Size in bytes.
	Size int64
	// ETag and LastModified are the exact text of the origin, quotes included.
	ETag, LastModified string
	// Raw is the inside of the <Contents> element as the origin wrote it. Its Key
	// is URL-encoded if the page's KeysEncoded says so.
	Raw []byte
}

// A ListPage is one answer to ListObjectsV2.
type ListPage struct {
	Entries        []Entry
	CommonPrefixes []string // decoded
	// NextToken continues the listing; empty at its end.
	NextToken string
	// KeysEncoded: the origin honoured encoding-type=url, so the keys in
	// Entry.Raw are URL-encoded.
	KeysEncoded bool
}

type listXML struct {
	XMLName      xml.Name `xml:"ListBucketResult"`
	EncodingType string   `xml:"EncodingType"`
	IsTruncated  bool     `xml:"IsTruncated"`
	NextToken    string   `xml:"NextContinuationToken"`
	Contents     []struct {
		Raw          []byte  `xml:",innerxml"`
		Key          *string `xml:"Key"`
		Size         *int64  `xml:"Size"`
		ETag         string  `xml:"ETag"`
		LastModified string  `xml:"LastModified"`
	} `xml:"Contents"`
	CommonPrefixes []struct {
		Prefix *string `xml:"Prefix"`
	} `xml:"CommonPrefixes"`
}

// parseList reads a ListBucketResult.
func parseList(data []byte) (*ListPage, error) {
	var doc listXML
	if err := xml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	page := &ListPage{KeysEncoded: doc.EncodingType == "url"}
	decode := func(s *string) (string, error) {
		if s == nil {
			return "", errors.New("entry without a key")
		}
		if !page.KeysEncoded {
			return *s, nil
		}
		return url.QueryUnescape(*s)
	}
	page.Entries = make([]Entry, 0, len(doc.Contents))
	for i := range doc.Contents {
		e := &doc.Contents[i]
		key, err := decode(e.Key)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		if e.Size == nil || *e.Size < 0 {
			return nil, fmt.Errorf("%w: no size of %q", ErrCorrupt, key)
		}
		page.Entries = append(page.Entries, Entry{
			Key: key, Size: *e.Size, ETag: e.ETag, LastModified: e.LastModified, Raw: e.Raw,
		})
	}
	for _, p := range doc.CommonPrefixes {
		prefix, err := decode(p.Prefix)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		page.CommonPrefixes = append(page.CommonPrefixes, prefix)
	}
	if doc.IsTruncated {
		if doc.NextToken == "" {
			return nil, fmt.Errorf("%w: truncated listing without a token", ErrCorrupt)
		}
		page.NextToken = doc.NextToken
	}
	return page, nil
}
