package warm_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/warm"
)

// rolesOf asks what is resident of the fixture's newest generation, by role.
func (w *world) rolesOf(prefix string) (info warm.GenerationInfo) {
	w.t.Helper()
	all := w.warmer.Generations(func(_, name string) bool { return name == prefix })
	if len(all) != 1 {
		w.t.Fatalf("got %+v", all)
	}
	w.warmer.DescribeRoles(all)
	return all[0]
}

func TestGenerationsSayTheirRolesWithoutTheOrigin(t *testing.T) {
	w := newWorld(t, nil)
	size, objects := w.fixture()
	a := w.warm(gen)
	w.requests() // from here on
	g := w.rolesOf(gen)
	var sum int64
	for role, r := range g.Roles {
		want := a.Receipt.Roles.Of(role)
		got := warm.RoleReceipt{
			Objects: r.Objects, Bytes: r.Bytes, ResidentBytes: r.ResidentBytes, Pages: r.Pages, ResidentPages: r.ResidentPages,
			Requests: want.Requests, OriginBytes: want.OriginBytes,
		}
		if diff := cmp.Diff(want, got); diff != "" || r.ResidentBytes != r.Bytes {
			t.Errorf("%s, in the receipt (-), in the generation (+):\n%s", role, diff)
		}
		sum += r.Bytes
	}
	if sum != size || g.Bytes != size || g.Objects != objects || len(g.Roles) != len(warm.Roles())-1 {
		t.Errorf("roles of %d bytes, %d in all: %+v", sum, size, g)
	}

	// What leaves shows in its role alone; how the bytes divide is remembered.
	var bloom string
	list, known, more := w.warmer.Inside(bucket, gen, "", 1000)
	if !known || more || len(list) != objects+1 { // the transaction too
		t.Fatalf("%d objects, known %t, more %t", len(list), known, more)
	}
	for _, o := range list {
		if o.Key == gen+"bloom_filter.bin" {
			bloom = o.Key
		}
		if len(o.Roles) == 0 || o.ResidentPages != o.Pages && o.Roles[0] != warm.RoleOther {
			t.Errorf("got %+v", o)
		}
	}
	w.evict(bloom, 0)
	pk, was := w.rolesOf(gen).Roles[warm.RolePK], g.Roles[warm.RolePK]
	if pk.ResidentBytes >= was.ResidentBytes || pk.Bytes != was.Bytes || w.rolesOf(gen).Roles[warm.RoleFTS] != g.Roles[warm.RoleFTS] {
		t.Errorf("%+v became %+v", was, pk)
	}
	if now := w.requests(); now != (warm.Requests{}) {
		t.Errorf("looking asked the origin: %+v", now)
	}
}

func TestRolesAreLeftOutWhereTheyCannotBeTold(t *testing.T) {
	w := newWorld(t, nil)
	w.fixture()
	w.publish(genDir)
	if g := w.rolesOf(gen); g.Publication != "published" || g.Roles != nil {
		t.Errorf("before a listing: %+v", g)
	}
	w.read(gen + "bloom_filter.bin")
	if g := w.rolesOf(gen); g.Publication != "confirmed" || g.Objects == 0 || g.Roles != nil {
		t.Errorf("without the ends of its data files: %+v", g)
	}
	if c, ok := w.warmer.Contents(bucket, gen+"bloom_filter.bin"); !ok || c.Size == 0 || c.Ranges != nil {
		t.Errorf("of one object: %+v, %t", c, ok)
	}
	list, known, _ := w.warmer.Inside(bucket, gen, "", 1000)
	for _, o := range list {
		if !known || len(o.Roles) != 1 { // what its name says
			t.Errorf("got %+v", o)
		}
	}
}

func TestContentsOfAnObject(t *testing.T) {
	w := newWorld(t, nil)
	w.fixture()
	if c, ok := w.warmer.Contents(bucket, gen+"nothing"); !ok || c.Size != 0 || c.Ranges != nil {
		t.Errorf("of a generation that is not known: %+v, %t", c, ok)
	}
	w.warm(gen)
	list, _, _ := w.warmer.Inside(bucket, gen+"data/", "", 10)
	if len(list) != 1 {
		t.Fatalf("got %+v", list)
	}
	c, ok := w.warmer.Contents(bucket, list[0].Key)
	if !ok || c.Size != list[0].Size || c.ETag == "" || len(c.Ranges) < 3 {
		t.Fatalf("got %+v, %t", c, ok)
	}
	var at int64
	seen := make(map[warm.Role]bool)
	for _, r := range c.Ranges {
		if r.Offset != at {
			t.Errorf("a range at %d, not %d", r.Offset, at)
		}
		at += r.Bytes
		seen[r.Role] = true
	}
	if diff := cmp.Diff(map[warm.Role]bool{warm.RoleOpen: true, warm.RolePK: true, warm.RoleData: true}, seen); at != c.Size || diff != "" {
		t.Errorf("ranges of %d bytes, %d in all:\n%s", at, c.Size, diff)
	}
	if _, ok := w.warmer.Contents(bucket, gen+"nothing"); ok {
		t.Error("what is not in the inventory was found")
	}
}

func TestObjectsComeInPortions(t *testing.T) {
	w := newWorld(t, nil)
	w.fill("plain/", 10, 20000, 30, 40, 50)
	if list, known, more := w.warmer.Inside(bucket, "plain/", "", 10); known || more || list != nil {
		t.Errorf("got %+v, %t, %t", list, known, more)
	}
	w.warm("plain")
	w.fixture()
	w.warm(gen)
	for _, prefix := range []string{"plain/", gen} {
		whole, known, more := w.warmer.Inside(bucket, prefix, "", 1000)
		if known != (prefix == gen) || more || len(whole) < 5 {
			t.Errorf("%d objects, %t, %t", len(whole), known, more)
		}
		for limit := 1; limit < 4; limit++ {
			var got []warm.ObjectInfo
			after := ""
			for more = true; more; {
				var part []warm.ObjectInfo
				if part, _, more = w.warmer.Inside(bucket, prefix, after, limit); len(part) == 0 || len(part) > limit {
					t.Fatalf("a portion of %d, %d at most", len(part), limit)
				}
				got = append(got, part...)
				after = part[len(part)-1].Key
			}
			if diff := cmp.Diff(whole, got); diff != "" {
				t.Errorf("%d at a time:\n%s", limit, diff)
			}
		}
	}
	if _, err := w.try(warm.Request{Path: warm.Path{Key: gen + "data"}, Pin: new(true), Wait: time.Minute}); err != nil {
		t.Fatal(err)
	}
	list, _, _ := w.warmer.Inside(bucket, gen, "", 1000)
	for _, o := range list {
		if o.Pinned != (o.Roles[len(o.Roles)-1] == warm.RoleData) {
			t.Errorf("pinned %t: %+v", o.Pinned, o)
		}
	}
}
