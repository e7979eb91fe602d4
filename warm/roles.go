package warm

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/proxy/publication"
)

// Role is what a byte of a Lance table is for. Every byte has exactly one.
type Role string

// The roles, in the order in which a budget is spent: what every query needs first.
const (
	// RoleOpen: manifests, and the ends of data files with their footer and metadata.
	RoleOpen Role = "open"
	// RoleBlocklist: the primary-key index, which masks superseded rows.
	RoleBlocklist Role = "blocklist"
	// RoleDeletions: deletion vectors.
	RoleDeletions Role = "deletions"
	// RolePK: primary-key pages of the data file, and the bloom filter.
	RolePK Role = "pk"
	// RoleScalar, RoleFTS, RoleVector: the files of indexes.
	RoleScalar Role = "scalar"
	RoleFTS    Role = "fts"
	RoleVector Role = "vector"
	// RoleData: the pages of all other columns.
	RoleData Role = "data"
	// RoleOther: everything else.
	RoleOther Role = "other"
)

const roleCount = 9

// Roles returns all roles, in the order in which a budget is spent.
func Roles() []Role {
	return []Role{RoleOpen, RoleBlocklist, RoleDeletions, RolePK, RoleScalar, RoleFTS, RoleVector, RoleData, RoleOther}
}

func (r Role) index() int { return slices.Index(Roles(), r) }

// ParseRole reads a role's name.
func ParseRole(s string) (Role, error) {
	if Role(s).index() < 0 {
		names := make([]string, 0, roleCount)
		for _, r := range Roles() {
			names = append(names, string(r))
		}
		return "", &FieldError{Field: "roles", Message: "not one of " + strings.Join(names, ", ")}
	}
	return Role(s), nil
}

// RoleReceipt says what there is of one role and what of it is resident.
type RoleReceipt struct {
	Objects int `json:"objects"` // that have bytes of the role
	// Bytes are those of the role alone; of Pages, those at the ends hold other roles too.
	Bytes         int64 `json:"bytes"`
	ResidentBytes int64 `json:"resident_bytes"`
	Pages         int64 `json:"pages"`
	ResidentPages int64 `json:"resident_pages"`
	// Requests to the origin, and the bytes they brought. A request that brings several
	// roles counts once, for that with the most bytes in it. What finds objects, listings
	// and shard manifests, has no role.
	Requests    Requests `json:"requests"`
	OriginBytes int64    `json:"origin_bytes"`
}

// RoleReceipts has one receipt for each role, in the order of [Roles]. In JSON it is an
// object by role, without those that have no object.
type RoleReceipts [roleCount]RoleReceipt

// Of returns the receipt of one role.
func (r RoleReceipts) Of(role Role) RoleReceipt {
	if i := role.index(); i >= 0 {
		return r[i]
	}
	return RoleReceipt{}
}

// MarshalJSON implements json.Marshaler.
func (r RoleReceipts) MarshalJSON() ([]byte, error) {
	m := make(map[Role]RoleReceipt)
	for i, role := range Roles() {
		if r[i].Objects > 0 {
			m[role] = r[i]
		}
	}
	return json.Marshal(m)
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *RoleReceipts) UnmarshalJSON(b []byte) error {
	var m map[Role]RoleReceipt
	if err := json.Unmarshal(b, &m); err != nil {
		return err
	}
	*r = RoleReceipts{}
	for role, receipt := range m {
		if i := role.index(); i >= 0 {
			r[i] = receipt
		}
	}
	return nil
}

// A segment is bytes of one role.
type segment struct {
	role Role
	span
}

// A layout gives the bytes of objects, by key, their roles: segments in order that cover
// the object. It is not changed once made.
type layout map[string][]segment

// layoutByName gives each object the one role that its name says. Data files are
// RoleData as a whole.
func layoutByName(entries []publication.Entry) layout {
	l := make(layout, len(entries))
	for i := range entries {
		e := &entries[i]
		l[e.Key] = []segment{{roleOf(insideTable(e.Key)), span{0, e.Size}}}
	}
	return l
}

// insideTable is the part of a key below its generation, or else below its table; empty if
// it lies below neither.
func insideTable(key string) string {
	if prefix, ok := publication.PrefixOf(key); ok {
		return key[len(prefix):]
	}
	if i := strings.LastIndex(key, ".lance/"); i >= 0 {
		return key[i+len(".lance/"):]
	}
	return ""
}

// idle reports whether an object of a table or a generation is of no use to queries: a
// transaction's file, which is read when commits conflict. To bring it would be a request
// for nothing.
func idle(key string) bool { return strings.HasPrefix(insideTable(key), "_transactions/") }

// ofTable reports whether a path is a table's or a generation's folder.
func ofTable(p Path) bool {
	if g, ok := generationOf(p); ok {
		return g.path == p.directory()
	}
	return strings.HasSuffix(p.Prefix(), ".lance/")
}

// roleOf returns the role that a name below a table or a generation has.
func roleOf(name string) Role {
	folder, rest, nested := strings.Cut(name, "/")
	switch {
	case name == memwal.BloomFilterName:
		return RolePK
	case !nested:
		return RoleOther
	}
	switch folder {
	case "_versions":
		return RoleOpen
	case memwal.PKIndexDir:
		return RoleBlocklist
	case "_deletions":
		return RoleDeletions
	case "data":
		if strings.HasSuffix(rest, ".lance") {
			return RoleData
		}
	case "_indices":
		return indexRole(path.Base(rest))
	}
	return RoleOther
}

// indexRole tells kinds of indexes by the names of their files, which each kind has of
// its own: manifests name the kind too, but not on this side of a request.
func indexRole(name string) Role {
	switch name {
	case "index.idx", "auxiliary.idx":
		return RoleVector
	case "metadata.lance":
		return RoleFTS
	case "page_data.lance", "page_lookup.lance", "bitmap_page_lookup.lance", "zonemap.lance", "bloomfilter.lance", "ngram_postings.lance":
		return RoleScalar
	}
	for _, suffix := range []string{"_tokens.lance", "_docs.lance", "_invert.lance"} {
		if strings.HasSuffix(name, suffix) {
			return RoleFTS
		}
	}
	for _, whole := range []string{"tokens.lance", "docs.lance", "invert.lance"} {
		if name == whole {
			return RoleFTS
		}
	}
	return RoleOther
}
