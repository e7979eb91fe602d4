package proxy

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/hearthcache/hearth/internal/keyring"
	"github.com/hearthcache/hearth/proxy/object"
	"github.com/hearthcache/hearth/proxy/publication"
)

// isList recognises ListObjects and ListObjectsV2 by their parameters.
func isList(q query) bool {
	return q.Only("list-type", "prefix", "delimiter", "max-keys", "marker", "continuation-token", "start-after",
		"encoding-type", "fetch-owner", "x-id")
}

// list answers a listing: locally if it lies below a published generation, else from
// the origin.
func (h *Handler) list(w http.ResponseWriter, r *http.Request, q *call) {
	if err := h.allowList(q); err != nil {
		h.failWith(w, r, err)
		return
	}
	if l, ok := parseListing(q.Query); ok && !crossOrigin(r.Header) {
		if entries, ok := h.objects.Inventory(r.Context(), q.Bucket, l.prefix); ok {
			h.answerListing(w, q, l, entries)
			return
		}
	}
	if h.rememberedListing(w, r, q) {
		return
	}
	if token, _ := q.Query.Get("continuation-token"); strings.HasPrefix(token, tokenPrefix) {
		// A page of ours whose inventory is gone: the origin goes on after the same key.
		q.Query = replaceToken(q.Query, token)
	}
	h.forwardRead(w, r, q)
}

// allowList authorizes a listing of objects, versions or uploads. Of several prefixes the
// origin may take any, so each must be allowed.
func (h *Handler) allowList(q *call) error {
	prefixes, ok := q.Query.All("prefix")
	if !ok {
		return failure(http.StatusBadRequest, "InvalidArgument", "The prefix cannot be decoded.")
	}
	if len(prefixes) == 0 {
		prefixes = []string{""}
	}
	for _, prefix := range prefixes {
		if err := h.allow(q, q.Bucket, prefix, keyring.List); err != nil {
			return err
		}
	}
	return nil
}

// A listing is a ListObjectsV2 request that can be answered from an inventory.
type listing struct {
	prefix, delimiter, startAfter, token string
	after                                string // keys up to this one are done
	maxKeys                              int
	urlEncoded                           bool
	hasDelimiter, hasStartAfter          bool
}

const (
	// tokenPrefix marks continuation tokens of local listings; the rest is the last key
	// of the page before, in base64.
	tokenPrefix = "hearth-"
	// maxListKeys is S3's own limit for one page.
	maxListKeys = 1000
)

func parseListing(q query) (l listing, ok bool) {
	if !q.Only("list-type", "prefix", "delimiter", "max-keys", "continuation-token", "start-after", "encoding-type", "fetch-owner", "x-id") {
		return l, false
	}
	if version, _ := q.Get("list-type"); version != "2" || q.Repeats() {
		return l, false
	}
	if owner, _ := q.Get("fetch-owner"); owner != "" && owner != "false" {
		return l, false
	}
	l.prefix, _ = q.Get("prefix")
	l.delimiter, _ = q.Get("delimiter")
	l.hasDelimiter = l.delimiter != ""
	l.startAfter, _ = q.Get("start-after")
	l.hasStartAfter = l.startAfter != ""
	l.after = l.startAfter
	if l.hasDelimiter && len(l.startAfter) > len(l.prefix) && strings.Contains(l.startAfter[len(l.prefix):], l.delimiter) {
		return l, false // stores disagree whether the common prefix it lies in is listed
	}
	switch encoding, given := q.Get("encoding-type"); {
	case given && encoding == "url":
		l.urlEncoded = true
	case q.Has("encoding-type"):
		return l, false
	}
	l.maxKeys = maxListKeys
	if q.Has("max-keys") {
		value, _ := q.Get("max-keys")
		n, err := strconv.ParseUint(value, 10, 31)
		if err != nil {
			return l, false
		}
		l.maxKeys = min(int(n), maxListKeys)
	}
	if q.Has("continuation-token") {
		l.token, _ = q.Get("continuation-token")
		key, ok := decodeToken(l.token)
		if !ok {
			return l, false
		}
		l.after = max(l.after, key)
	}
	return l, true
}

func decodeToken(token string) (key string, ok bool) {
	encoded, ok := strings.CutPrefix(token, tokenPrefix)
	if !ok {
		return "", false
	}
	b, err := base64.RawURLEncoding.DecodeString(encoded)
	return string(b), err == nil
}

// replaceToken turns a local continuation token into start-after.
func replaceToken(q query, token string) query {
	key, ok := decodeToken(token)
	if !ok {
		return q
	}
	var out query
	for _, p := range q {
		if p.name != "continuation-token" && p.name != "start-after" {
			out = append(out, p)
		}
	}
	return append(out, param{raw: "start-after=" + strings.ReplaceAll(url.QueryEscape(key), "+", "%20"), name: "start-after"})
}

// answerListing writes one page of an inventory, as S3 would.
func (h *Handler) answerListing(w http.ResponseWriter, q *call, l listing, entries []publication.Entry) {
	page := l.page(entries)
	body := l.render(q.Bucket, page)
	header := w.Header()
	header["Content-Type"] = []string{"application/xml"}
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	setTrace(header, string(object.Hit), q.start)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // the client may be gone
	h.metrics.localLists.Inc()
}

// A listPage is what one page holds.
type listPage struct {
	contents []publication.Entry
	prefixes []string
	next     string // token of the next page, if there is one
}

func (l listing) page(entries []publication.Entry) listPage {
	var page listPage
	last := ""
	for _, e := range entries {
		if e.Key <= l.after {
			continue
		}
		common := ""
		if l.hasDelimiter {
			if i := strings.Index(e.Key[len(l.prefix):], l.delimiter); i >= 0 {
				common = e.Key[:len(l.prefix)+i+len(l.delimiter)]
			}
		}
		if common != "" && strings.HasPrefix(l.after, common) && l.after != "" && l.token != "" {
			continue // rolled up on the page before
		}
		if n := len(page.prefixes); common != "" && n > 0 && page.prefixes[n-1] == common {
			last = e.Key
			continue
		}
		if len(page.contents)+len(page.prefixes) == l.maxKeys {
			if l.maxKeys > 0 {
				page.next = tokenPrefix + base64.RawURLEncoding.EncodeToString([]byte(last))
			}
			return page
		}
		if common != "" {
			page.prefixes = append(page.prefixes, common)
		} else {
			page.contents = append(page.contents, e)
		}
		last = e.Key
	}
	return page
}

// render writes the page as a ListBucketResult. Contents repeat the origin's own
// elements, with the key in the encoding this client asked for.
func (l listing) render(bucket string, page listPage) []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	b.WriteString(`<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`)
	element := func(name, value string) {
		b.WriteString("<" + name + ">")
		_ = xml.EscapeText(&b, []byte(value)) // a bytes.Buffer does not fail
		b.WriteString("</" + name + ">")
	}
	element("Name", bucket)
	element("Prefix", l.encode(l.prefix))
	if l.hasStartAfter {
		element("StartAfter", l.encode(l.startAfter))
	}
	if l.token != "" {
		element("ContinuationToken", l.token)
	}
	if page.next != "" {
		element("NextContinuationToken", page.next)
	}
	element("KeyCount", strconv.Itoa(len(page.contents)+len(page.prefixes)))
	element("MaxKeys", strconv.Itoa(l.maxKeys))
	if l.hasDelimiter {
		element("Delimiter", l.encode(l.delimiter))
	}
	if l.urlEncoded {
		element("EncodingType", "url")
	}
	element("IsTruncated", strconv.FormatBool(page.next != ""))
	for i := range page.contents {
		e := &page.contents[i]
		listed, rest := splitKey(e.Raw)
		key := e.Key
		if l.urlEncoded {
			if key = listed; key == e.Key { // the origin does not encode, or had nothing to
				key = l.encode(e.Key)
			}
		}
		b.WriteString("<Contents>")
		element("Key", key)
		b.Write(rest)
		b.WriteString("</Contents>")
	}
	for _, prefix := range page.prefixes {
		b.WriteString("<CommonPrefixes>")
		element("Prefix", l.encode(prefix))
		b.WriteString("</CommonPrefixes>")
	}
	b.WriteString("</ListBucketResult>")
	return b.Bytes()
}

// encode writes a key as encoding-type=url does, slashes left alone.
func (l listing) encode(key string) string {
	if !l.urlEncoded {
		return key
	}
	return strings.ReplaceAll(url.QueryEscape(key), "%2F", "/")
}

// splitKey cuts the Key element out of the inner XML of a Contents element and returns
// its text, in whatever encoding the inventory was listed with, and the rest.
func splitKey(raw []byte) (key string, rest []byte) {
	from := bytes.Index(raw, []byte("<Key>"))
	to := bytes.Index(raw, []byte("</Key>"))
	if from < 0 || to < from {
		return "", raw
	}
	end := to + len("</Key>")
	var element struct {
		Text string `xml:",chardata"`
	}
	if err := xml.Unmarshal(raw[from:end], &element); err == nil {
		key = element.Text
	}
	rest = append(make([]byte, 0, len(raw)), raw[:from]...)
	return key, append(rest, raw[end:]...)
}
