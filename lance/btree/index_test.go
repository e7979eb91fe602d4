package btree

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/storage"
)

func collect(t testing.TB, x *Index, lo, hi Bound) []uint64 {
	t.Helper()
	var ids []uint64
	for run, err := range x.Range(t.Context(), lo, hi) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, run...)
	}
	return ids
}

func lookup(t testing.TB, x *Index, v Value) []uint64 {
	t.Helper()
	ids, err := x.Lookup(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestQueriesFindTheRowsThatLanceDBFinds(t *testing.T) {
	type query struct {
		column string
		find   func(t testing.TB, x *Index) []uint64
	}
	eq := func(v ...Value) func(testing.TB, *Index) []uint64 {
		return func(t testing.TB, x *Index) []uint64 {
			var ids []uint64
			if err := x.LookupMany(t.Context(), v, func(_ int, id uint64) { ids = append(ids, id) }); err != nil {
				t.Fatal(err)
			}
			return ids
		}
	}
	within := func(lo, hi Bound) func(testing.TB, *Index) []uint64 {
		return func(t testing.TB, x *Index) []uint64 { return collect(t, x, lo, hi) }
	}
	above := func(v Value) func(testing.TB, *Index) []uint64 { return within(Excluding(v), Unbounded()) }
	below := func(v Value) func(testing.TB, *Index) []uint64 { return within(Unbounded(), Excluding(v)) }
	from := func(v Value) func(testing.TB, *Index) []uint64 { return within(Including(v), Unbounded()) }
	upTo := func(v Value) func(testing.TB, *Index) []uint64 { return within(Unbounded(), Including(v)) }
	queries := map[string]query{
		"i64 = -2998999999993": {"i64", eq(Int(-2998999999993))}, "i64 = -3000000000000": {"i64", eq(Int(-3000000000000))},
		"i64 < -2999000000000": {"i64", below(Int(-2999000000000))}, "i64 >= 5999000000000": {"i64", from(Int(5999000000000))},
		"i64 = 5": {"i64", eq(Int(5))}, "i32 = -6": {"i32", eq(Int(-6))}, "i32 IS NULL": {"i32", eq(Null())},
		"i32 > 340": {"i32", above(Int(340))}, "i32 <= -349": {"i32", upTo(Int(-349))},
		"i32 IN (1, 5, -350, 9999)": {"i32", eq(Int(1), Int(5), Int(-350), Int(9999))},
		"u8 = 0":                    {"u8", eq(Uint(0))}, "u8 = 250": {"u8", eq(Int(250))}, "u8 > 248": {"u8", above(Int(248))},
		"f64 = 0": {"f64", eq(Float(0))}, "f64 = -0.0": {"f64", eq(Float(math.Copysign(0, -1)))}, "f64 < 0": {"f64", below(Float(0))},
		"f64 <= -0.0": {"f64", upTo(Float(math.Copysign(0, -1)))}, "f64 > -0.0": {"f64", above(Float(math.Copysign(0, -1)))},
		"f64 >= 0": {"f64", from(Float(0))}, "f64 = 12.75": {"f64", eq(Float(12.75))}, "f64 < -49": {"f64", below(Float(-49))},
		"f64 > 74": {"f64", above(Float(74))}, "f64 IS NULL": {"f64", eq(Null())},
		"f64 >= -1 AND f64 < 1": {"f64", within(Including(Float(-1)), Excluding(Float(1)))}, "f64 IS NOT NULL": {"f64", within(Unbounded(), Unbounded())},
		"f32 = 0.25": {"f32", eq(Float(0.25))}, "f32 > 7.5": {"f32", above(Float(7.5))}, "bool": {"bool", eq(Bool(true))},
		"NOT bool": {"bool", eq(Bool(false))}, "bool IS NULL": {"bool", eq(Null())}, "utf8 = 'k31é'": {"utf8", eq(Text("k31é"))},
		"utf8 = ''": {"utf8", eq(Text(""))}, "utf8 IS NULL": {"utf8", eq(Null())}, "utf8 < 'k10'": {"utf8", below(Text("k10"))},
		"utf8 > 'k99'": {"utf8", above(Text("k99"))}, "utf8 = 'absent'": {"utf8", eq(Text("absent"))},
		"date32 = date '1970-01-02'": {"date32", eq(Int(1))}, "date32 < date '1969-10-01'": {"date32", below(Int(-92))},
		"none IS NULL": {"none", eq(Null())}, "none = 1": {"none", eq(Int(1))}, "none > 1": {"none", above(Int(1))},
	}
	store := dirStore(t, "testdata")
	for text, want := range answers(t) {
		q, ok := queries[text]
		if !ok {
			t.Errorf("no query for %q", text)
			continue
		}
		for _, version := range []string{"2.0", "2.2"} {
			if version == "2.0" && q.column != "f64" && q.column != "utf8" {
				continue
			}
			ids := q.find(t, openIndex(t, store, version+"/"+q.column, 0))
			sum := 0
			for _, id := range ids {
				sum += int(id)
			}
			if len(ids) != want.Count || sum != want.Sum {
				t.Errorf("%s in %s: %d rows with sum %d, LanceDB has %d with %d", text, version, len(ids), sum, want.Count, want.Sum)
			}
		}
	}
}

func TestEveryValueOfEveryColumnIsFound(t *testing.T) {
	store := dirStore(t, "testdata")
	for folder, name := range indexes() {
		t.Run(folder, func(t *testing.T) {
			value := columns[name]
			x := openIndex(t, store, folder, 0)
			if x.Len() != testRows {
				t.Fatalf("%d rows", x.Len())
			}
			var values []Value
			for i := range testRows {
				values = append(values, value(i))
			}
			slices.SortFunc(values, Value.Compare)
			values = slices.CompactFunc(values, func(a, b Value) bool { return a.Compare(b) == 0 })
			got := make(map[int][]uint64)
			if err := x.LookupMany(t.Context(), values, func(i int, id uint64) { got[i] = append(got[i], id) }); err != nil {
				t.Fatal(err)
			}
			total := 0
			for i, v := range values {
				total += len(got[i])
				if i%37 > 0 { // brute force over a part is enough: the total is checked below
					continue
				}
				want := brute(value, func(w Value) bool { return w.Compare(v) == 0 })
				if diff := cmp.Diff(want, sorted(got[i])); diff != "" {
					t.Fatalf("%v (-want +got):\n%s", v, diff)
				}
			}
			if total != testRows {
				t.Errorf("%d rows found for %d values, want %d", total, len(values), testRows)
			}
			if v, ok := x.Max(); ok != (name != "none") || ok && v.Compare(values[len(values)-1]) != 0 {
				t.Errorf("max %v, %v", v, ok)
			}
		})
	}
}

func TestRandomRangesEqualBruteForce(t *testing.T) {
	seed := seedtest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	store := dirStore(t, "testdata")
	for folder, name := range indexes() {
		value := columns[name]
		x := openIndex(t, store, folder, int64(rng.IntN(3)-1)*100_000)
		bound := func() Bound {
			v := value(rng.IntN(testRows))
			switch {
			case v.IsNull() || rng.IntN(5) == 0:
				return Unbounded()
			case rng.IntN(2) == 0:
				return Including(v)
			default:
				return Excluding(v)
			}
		}
		for range 20 {
			lo, hi := bound(), bound()
			want := brute(value, func(v Value) bool { return !v.IsNull() && lo.admitsAbove(v) && hi.admitsBelow(v) })
			got := collect(t, x, lo, hi)
			if !slices.Equal(want, sorted(got)) {
				t.Fatalf("%s %+v to %+v: %d rows, want %d", folder, lo, hi, len(got), len(want))
			}
			if !slices.IsSortedFunc(got, func(a, b uint64) int { return value(int(a)).Compare(value(int(b))) }) {
				t.Fatalf("%s %+v to %+v: not in order of value", folder, lo, hi)
			}
		}
	}
}

func TestARangeMayBeLeftEarly(t *testing.T) {
	x := openIndex(t, dirStore(t, "testdata"), "2.2/i64", 0)
	for run, err := range x.Range(t.Context(), Unbounded(), Unbounded()) {
		if err != nil || len(run) == 0 {
			t.Fatalf("%d ids, %v", len(run), err)
		}
		break
	}
	for run, err := range x.Scan(t.Context()) {
		if err != nil || len(run.IDs) != run.Values.Len() {
			t.Fatalf("%d ids, %v", len(run.IDs), err)
		}
		break
	}
}

func TestAPrimaryKeyIndexHoldsEveryPhysicalRow(t *testing.T) {
	x := openIndex(t, dirStore(t, "testdata"), "pk", 0)
	if x.Len() != 9400 || x.Pages() != 2 {
		t.Fatalf("%d rows in %d pages", x.Len(), x.Pages())
	}
	rowsOf := make(map[int64][]uint64) // row i has key i%9000*7919%9000
	for i := range 9400 {
		key := int64(i % 9000 * 7919 % 9000)
		rowsOf[key] = append(rowsOf[key], uint64(i))
	}
	for key := int64(-1); key <= 9000; key++ {
		if diff := cmp.Diff(rowsOf[key], sorted(lookup(t, x, Int(key))), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("key %d (-want +got):\n%s", key, diff)
		}
	}
	set, err := x.Set(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if set.Len() != 9000 {
		t.Errorf("%d keys, want 9000", set.Len())
	}
	for key := int64(-2); key < 9002; key++ {
		if want := key >= 0 && key < 9000; set.Has(Int(key)) != want {
			t.Errorf("key %d: %v", key, !want)
		}
	}
}

func TestFixtureGenerationsByPrimaryKey(t *testing.T) {
	const shard = "items.lance/_mem_wal/aa48498d-ac91-59e2-8452-69f46010ace2"
	store := dirStore(t, "../../testdata/lance-memwal/db")
	for g, dir := range []string{"0fa9faac_gen_1", "b5982e9f_gen_2", "6ab40b82_gen_3", "86a4c298_gen_4"} {
		x := openIndex(t, store, shard+"/"+dir+"/_pk_index", 0)
		// Two upserts of 300 rows, the second beginning 240 rows after the first.
		first := 800 + 480*g
		rowsOf := map[int][]uint64{}
		for row := range 600 {
			n := first + row
			if row >= 300 {
				n -= 60
			}
			rowsOf[n] = append(rowsOf[n], uint64(row))
		}
		for n := first - 10; n < first+560; n++ {
			got := lookup(t, x, Text(fmt.Sprintf("id-%06d", n)))
			if diff := cmp.Diff(rowsOf[n], sorted(got), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("generation %d, row %d (-want +got):\n%s", g+1, n, diff)
			}
		}
		set, err := x.Set(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if set.Len() != 540 || !set.Has(Text(fmt.Sprintf("id-%06d", first))) || set.Has(Text("id-000000")) {
			t.Errorf("generation %d: a set of %d keys", g+1, set.Len())
		}
	}
}

func TestLookupsWithValuesOfAnotherType(t *testing.T) {
	x := openIndex(t, dirStore(t, "testdata"), "2.2/i32", 0)
	if _, err := x.Lookup(t.Context(), Text("7")); !errors.Is(err, ErrType) {
		t.Errorf("text among integers: %v", err)
	}
	for _, b := range []Bound{Including(Float(1)), Excluding(Null())} {
		for _, err := range x.Range(t.Context(), b, Unbounded()) {
			if !errors.Is(err, ErrType) {
				t.Errorf("bound %+v: %v", b, err)
			}
		}
	}
	// Signed and unsigned integers are numbers to each other.
	if diff := cmp.Diff(lookup(t, x, Int(28)), lookup(t, x, Uint(28))); diff != "" {
		t.Error(diff)
	}
	if ids := lookup(t, x, Uint(math.MaxUint64)); len(ids) != 0 {
		t.Errorf("rows %v", ids)
	}
	u := openIndex(t, dirStore(t, "testdata"), "2.2/u8", 0)
	if ids := collect(t, u, Including(Int(-5)), Excluding(Int(1))); len(ids) != 36 {
		t.Errorf("%d rows between -5 and 0", len(ids))
	}
	if has, err := u.Has(t.Context(), Int(-1)); has || err != nil {
		t.Errorf("-1 among unsigned: %v, %v", has, err)
	}
}

// countingStore counts the bytes read below it.
type countingStore struct {
	storage.Store
	bytes, reads atomic.Int64
}

func (s *countingStore) Open(ctx context.Context, name string) (storage.Object, error) {
	o, err := s.Store.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	return &countingObject{o, s}, nil
}

type countingObject struct {
	storage.Object
	s *countingStore
}

func (o *countingObject) ReadRange(ctx context.Context, p []byte, off int64) error {
	o.s.bytes.Add(int64(len(p)))
	o.s.reads.Add(1)
	return o.Object.ReadRange(ctx, p, off)
}

func TestALookupReadsOnePageAndTheCacheKeepsIt(t *testing.T) {
	s := &countingStore{Store: dirStore(t, "testdata")}
	x := openIndex(t, s, "2.0/f64", 0)
	opened := s.bytes.Load()
	lookup(t, x, Float(12.75))
	once := s.bytes.Load() - opened
	if pageBytes := int64(4096*16 + 4096/8); once == 0 || once > pageBytes+4096 {
		t.Errorf("a lookup read %d bytes, a page has %d", once, pageBytes)
	}
	lookup(t, x, Float(12.875))
	if again := s.bytes.Load() - opened; again != once {
		t.Errorf("a lookup in the same page read %d bytes more", again-once)
	}
	if ids := lookup(t, x, Float(1e9)); len(ids) > 0 || s.bytes.Load()-opened > 2*once {
		t.Errorf("rows %v, %d bytes", ids, s.bytes.Load()-opened)
	}
	uncached := openIndex(t, s, "2.0/f64", -1)
	before := s.bytes.Load()
	lookup(t, uncached, Float(12.75))
	lookup(t, uncached, Float(12.75))
	if got := s.bytes.Load() - before; got != 2*once {
		t.Errorf("without a cache two lookups read %d bytes, one reads %d", got, once)
	}
}

func TestManyReadersShareAnIndex(t *testing.T) {
	x := openIndex(t, dirStore(t, "testdata"), "2.0/utf8", 100_000) // one page at a time fits
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 1))
			for range 40 {
				v := columns["utf8"](rng.IntN(testRows))
				ids, err := x.Lookup(t.Context(), v)
				if err != nil {
					t.Error(err)
					return
				}
				for _, id := range ids {
					if columns["utf8"](int(id)).Compare(v) != 0 {
						t.Errorf("row %d has not %v", id, v)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}
