package snapshot

import (
	"net/url"
	"slices"
	"strings"

	"github.com/hearthcache/hearth/lance/memwal"
)

// A Question is one that the origin can answer differently at any time: is there such an
// object, and what does it hold, or what is listed. It is made by [Object] or [Listing].
type Question struct {
	bucket string
	key    string // of an object; else it is a listing
	head   bool

	query             string // of a listing, in canonical form
	prefix, delimiter string
}

// Object is a GET, or a HEAD, of an object.
func Object(bucket, key string, head bool) Question {
	return Question{bucket: bucket, key: key, head: head}
}

// Listing is a ListObjectsV2, given by its parameters as they were sent; ok is false if a
// snapshot cannot hold it: a continuation, or what is not understood.
func Listing(bucket, rawQuery string) (q Question, ok bool) {
	q.bucket = bucket
	var pairs []string
	version := ""
	for part := range strings.SplitSeq(rawQuery, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return q, false
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return q, false
		}
		switch name {
		case "list-type":
			version = value
		case "prefix":
			q.prefix = value
		case "delimiter":
			q.delimiter = value
		case "max-keys", "start-after", "encoding-type", "fetch-owner":
		case "x-id":
			continue // names the operation, and says nothing
		default:
			return q, false
		}
		pairs = append(pairs, name+"="+strings.ReplaceAll(url.QueryEscape(value), "+", "%20"))
	}
	slices.Sort(pairs)
	for i := 1; i < len(pairs); i++ {
		if name, _, _ := strings.Cut(pairs[i], "="); strings.HasPrefix(pairs[i-1], name+"=") {
			return q, false // stores disagree which of the two counts
		}
	}
	q.query = strings.Join(pairs, "&")
	return q, version == "2"
}

// listing is the question that LanceDB asks for a prefix.
func listing(bucket, prefix, delimiter string) Question {
	raw := "list-type=2&prefix=" + url.QueryEscape(prefix)
	if delimiter != "" {
		raw += "&delimiter=" + url.QueryEscape(delimiter)
	}
	q, _ := Listing(bucket, raw) // all of it is understood
	return q
}

// An id names a question within a table.
type id string

func (q Question) id() id {
	switch {
	case q.key == "":
		return id("list " + q.query)
	case q.head:
		return id("head " + q.key)
	default:
		return id("get " + q.key)
	}
}

// path is what the question is about, for finding its table.
func (q Question) path() string {
	if q.key != "" {
		return q.key
	}
	return q.prefix
}

// A place is where in a table a question belongs.
type place uint8

const (
	// elsewhere is in no snapshot, and may be answered by anybody at any time.
	elsewhere place = iota
	// revealing is in no snapshot, and its answer can show the state of shards.
	revealing
	inBase
	inShards
)

// Directories of a table whose objects come into being or change under names that are
// known before: versions of the base table, and the tags and branches that point at them.
const (
	versionsDir = "_versions/"
	refsDir     = "_refs/"
	memWALDir   = memwal.Dir + "/"
)

// placeIn says where in the table at root a question belongs.
func (q Question) placeIn(root string) place {
	below, ok := strings.CutPrefix(q.path(), root+"/")
	switch {
	case !ok:
		return elsewhere
	case q.key != "":
		return placeOfKey(below)
	default:
		return placeOfListing(below, q.delimiter)
	}
}

func placeOfKey(below string) place {
	if strings.HasPrefix(below, memWALDir) {
		if table, _, rest, ok := memwal.ParseShardPath(below); ok && table == "" && strings.HasPrefix(rest, manifestDir) {
			return inShards
		}
		return elsewhere
	}
	return placeInBase(below)
}

func placeInBase(below string) place {
	if strings.HasPrefix(below, versionsDir) || strings.HasPrefix(below, refsDir) {
		return inBase
	}
	return elsewhere
}

// manifestDir is where a shard has its manifests and their hint.
const manifestDir = "manifest/"

func placeOfListing(below, delimiter string) place {
	byDirectory := delimiter == "/"
	if strings.HasPrefix(memWALDir, below) { // above _mem_wal/, or at it
		switch {
		case byDirectory && below == memWALDir:
			return inShards
		case byDirectory:
			return elsewhere // shows that there is a _mem_wal/
		default:
			return revealing
		}
	}
	if !strings.HasPrefix(below, memWALDir) {
		return placeInBase(below)
	}
	table, _, rest, ok := memwal.ParseShardPath(below)
	switch {
	case !ok || table != "":
		return revealing // a part of a shard's name
	case strings.HasPrefix(rest, manifestDir):
		return inShards
	case rest == "" && byDirectory && strings.HasSuffix(below, "/"):
		return inShards
	case strings.HasPrefix(manifestDir, rest):
		return revealing
	}
	return elsewhere // the log, or a generation
}

// mutable reports, quickly, whether a key can be one that a snapshot holds. It is asked
// for each request, most of which are for immutable bytes.
func mutable(key string) bool {
	return strings.Contains(key, "/"+versionsDir) || strings.Contains(key, "/"+manifestDir) || strings.Contains(key, "/"+refsDir)
}
