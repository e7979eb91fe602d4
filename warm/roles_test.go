package warm_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/warm"
)

// fixture stores the recorded table and returns the bytes of its newest generation.
func (w *world) fixture() (size int64, objects int) {
	w.t.Helper()
	root := filepath.Join("..", "testdata", "lance-memwal", "db", "items.lance")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		contents, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		w.origin.Put(bucket, "db/items.lance/"+filepath.ToSlash(rel), contents)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, key := range w.origin.Keys(bucket, gen) {
		if strings.Contains(key, "_transactions") {
			continue
		}
		o, _ := w.origin.Object(bucket, key)
		size += int64(len(o.Data))
		objects++
	}
	w.origin.Reset()
	return size, objects
}

func TestReceiptsSayRoles(t *testing.T) {
	w := newWorld(t, nil)
	size, objects := w.fixture()
	for range 2 {
		a := w.warm(gen)
		if a.State != warm.Warm || !a.Published || a.Receipt.Objects != objects || a.Receipt.Bytes != size {
			t.Fatalf("got %+v", a)
		}
		var sum, brought int64
		var asked warm.Requests
		for _, role := range warm.Roles() {
			r := a.Receipt.Roles.Of(role)
			t.Logf("%-10s %+v", role, r)
			if r.ResidentBytes != r.Bytes || r.ResidentPages != r.Pages {
				t.Errorf("%s is not resident: %+v", role, r)
			}
			if (r.Objects == 0) != (role == warm.RoleOther) {
				t.Errorf("%d objects are %s", r.Objects, role)
			}
			sum += r.Bytes
			brought += r.OriginBytes
			asked.Get += r.Requests.Get
			asked.Head += r.Requests.Head
		}
		if sum != size {
			t.Errorf("roles have %d bytes, the generation %d", sum, size)
		}
		if total := a.Receipt.Requests; a.Job != "" && (asked.Get != total.Get-2 || asked.Head != total.Head) || a.Job == "" && asked != total {
			t.Errorf("roles asked %+v, the job %+v, with the hint and the manifest", asked, total)
		}
		if brought != a.Receipt.Source.OriginBytes {
			t.Errorf("roles brought %d bytes, the job %d", brought, a.Receipt.Source.OriginBytes)
		}
		listed := int64(len(w.origin.Keys(bucket, gen)))
		if got := w.requests(); got.List+got.Get+got.Head > listed+size/runBytes+2 || got != a.Receipt.Requests {
			t.Errorf("%+v at the origin, receipt %+v", got, a.Receipt.Requests)
		}
	}
}

func TestTransactionsAreLeftToThoseWhoAsk(t *testing.T) {
	w := newWorld(t, nil)
	_, objects := w.fixture()
	const folder = gen + "_transactions/"
	key := w.origin.Keys(bucket, folder)[0]
	brought := func() bool {
		for _, r := range w.origin.Requests() {
			if r.Key == key {
				return true
			}
		}
		return false
	}
	for _, path := range []string{gen, "db/items.lance"} {
		if a := w.warm(path); a.State != warm.Warm || a.Receipt.SkippedObjects == 0 || brought() {
			t.Errorf("%s: %+v", path, a)
		}
	}
	for _, g := range w.warmer.Generations(nil) {
		if g.Prefix == gen && (g.State != warm.GenerationWarm || g.Objects != objects || g.ResidentObjects != objects) {
			t.Errorf("got %+v", g)
		}
	}
	if a := w.warm(folder); a.State != warm.Warm || a.Receipt.Objects != 1 || a.Receipt.SkippedObjects != 0 || !brought() {
		t.Errorf("the folder itself: %+v", a)
	}
	w = newWorld(t, nil)
	w.fixture()
	a, err := w.try(warm.Request{Path: warm.Path{Bucket: bucket, Key: gen}, Roles: []warm.Role{warm.RoleOther}, Wait: time.Minute})
	if err != nil || a.State != warm.Warm || a.Receipt.Roles.Of(warm.RoleOther).ResidentPages != 1 {
		t.Errorf("the role other: %+v, %v", a, err)
	}
}

func TestRolesAreFetchedAlone(t *testing.T) {
	w := newWorld(t, nil)
	w.fixture()
	try := func(roles ...warm.Role) *warm.Answer {
		t.Helper()
		a, err := w.try(warm.Request{Path: warm.Path{Key: gen}, Roles: roles, Wait: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(w.requests(), a.Receipt.Requests); diff != "" {
			t.Errorf("%v: requests at the origin, in the receipt:\n%s", roles, diff)
		}
		return a
	}
	a := try(warm.RolePK, warm.RoleBlocklist)
	if a.State != warm.Warm || a.Receipt.Bytes > 120_000 {
		t.Errorf("got %+v", a)
	}
	for role, complete := range map[warm.Role]bool{
		warm.RolePK: true, warm.RoleBlocklist: true, warm.RoleVector: false, warm.RoleData: false, warm.RoleFTS: false,
	} {
		if r := a.Receipt.Roles.Of(role); (r.Bytes == r.ResidentBytes) != complete {
			t.Errorf("%s: %+v", role, r)
		}
	}
	if a := try(warm.RolePK, warm.RoleBlocklist); a.Job != "" || a.State != warm.Warm || a.Receipt.Requests != (warm.Requests{}) {
		t.Errorf("again: %+v", a)
	}
	if a := try(warm.RoleVector); a.State != warm.Warm || a.Found != warm.FoundCold || a.Receipt.Requests.Get != 3 {
		t.Errorf("vector: %+v", a)
	}
	if a := try(); a.State != warm.Warm || a.Found != warm.FoundPartial {
		t.Errorf("all: %+v", a)
	}
	w.readAll(gen)
}

func TestBudgetIsSpentByRole(t *testing.T) {
	w := newWorld(t, nil)
	size, _ := w.fixture()
	a, err := w.try(warm.Request{Path: warm.Path{Key: gen}, BudgetBytes: size / 2, Wait: time.Minute})
	if err != nil || a.State != warm.Partial || a.Reason != warm.ReasonBudget || a.Receipt.CutBytes == 0 {
		t.Fatalf("got %+v, %v", a, err)
	}
	if a.Receipt.ResidentBytes > size/2+20*pageSize {
		t.Errorf("%d bytes of a budget of %d", a.Receipt.ResidentBytes, size/2)
	}
	for _, role := range []warm.Role{warm.RoleOpen, warm.RoleBlocklist, warm.RoleDeletions, warm.RolePK} {
		if r := a.Receipt.Roles.Of(role); r.Bytes != r.ResidentBytes {
			t.Errorf("%s comes first: %+v", role, r)
		}
	}
	if diff := cmp.Diff(w.requests(), a.Receipt.Requests); diff != "" {
		t.Errorf("requests at the origin, in the receipt:\n%s", diff)
	}
}

func TestKeyColumnsCanBeNamed(t *testing.T) {
	w := newWorld(t, nil)
	w.fixture()
	pk := func(columns ...string) int64 {
		a, err := w.try(warm.Request{
			Path: warm.Path{Key: gen}, PKColumns: columns, Roles: []warm.Role{warm.RolePK}, Wait: time.Minute,
		})
		if err != nil {
			t.Fatal(err)
		}
		return a.Receipt.Roles.Of(warm.RolePK).Bytes
	}
	if pk() != pk("id") || pk("id") >= pk("vector") {
		t.Errorf("by default %d bytes, of id %d, of vector %d", pk(), pk("id"), pk("vector"))
	}
	_, err := w.try(warm.Request{
		Path: warm.Path{Key: gen}, PKColumns: []string{"nobody"}, Roles: []warm.Role{warm.RolePK}, Wait: time.Minute,
	})
	if !errors.Is(err, warm.ErrInvalid) {
		t.Errorf("an unknown column: %v", err)
	}
}

func TestRolesInJSON(t *testing.T) {
	var r warm.RoleReceipts
	if err := json.Unmarshal([]byte(`{"pk":{"objects":2,"bytes":7},"later":{"objects":1}}`), &r); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"pk":{"objects":2,"bytes":7,"resident_bytes":0,"pages":0,"resident_pages":0,"requests":{"list":0,"get":0,"head":0},"origin_bytes":0}}`
	if string(text) != want {
		t.Errorf("got %s", text)
	}
}
