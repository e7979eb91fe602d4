package pagecache

import (
	"bytes"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/internal/seedtest"
)

// stageCache has pages of 4 KiB, and room for stages of 32 KiB.
func stageCache(t *testing.T, source Source) (*Cache, *epoch.Log) {
	t.Helper()
	log := epoch.NewLog(0)
	c, err := New(source, Options{PageBytes: 4 * kib, MemoryBytes: 256 * kib, RunBytes: 16 * kib, Epochs: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Close() // never fails
		if used, staged, flight := c.arena.usedBytes(), c.staged.Load(), c.inFlight.Load(); used != 0 || staged != 0 || flight != 0 {
			t.Errorf("%d bytes used, %d staged, %d in flight in the end", used, staged, flight)
		}
	})
	return c, log
}

// write gives a stage the bytes of an object in pieces of n.
func (g *Stage) write(p []byte, n int) {
	for len(p) > 0 {
		piece := p[:min(n, len(p))]
		g.Write(piece)
		p = p[len(piece):]
	}
}

func readWhole(t *testing.T, c *Cache, v Version) []byte {
	t.Helper()
	r := c.Read(t.Context(), v, 0, v.Size, ReadOptions{Epoch: c.epochs.Now()})
	defer func() { _ = r.Close() }() // never fails
	var all []byte
	for {
		p, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Error(err)
			return nil
		}
		all = append(all, p...)
	}
}

func TestStagedBytesArePagesOnceTheyAreCommitted(t *testing.T) {
	for _, size := range []int64{1, 4*kib - 1, 4 * kib, 4*kib + 1, 32 * kib} {
		for _, piece := range []int{1000, 4 * kib, 64 * kib} {
			source := &script{}
			c, _ := stageCache(t, source)
			v := Version{"b", "k", `"e"`, size}
			g := c.Stage(size)
			g.write(content(v, 0, size), piece)
			if r := c.Resident(v, 0, size); r.ResidentPages != 0 {
				t.Errorf("%d bytes: %d pages are there before the commit", size, r.ResidentPages)
			}
			if n := g.Commit(v, c.epochs.Now()); n != size {
				t.Errorf("%d bytes: %d committed", size, n)
			}
			g.Close()
			if got := readWhole(t, c, v); !bytes.Equal(got, content(v, 0, size)) || len(source.log) != 0 {
				t.Errorf("%d bytes: read %d, which asked the source for %q", size, len(got), source.log)
			}
		}
	}
}

func TestNothingOfAStageIsKept(t *testing.T) {
	v := Version{"b", "k", `"e"`, 10 * kib}
	whole := content(v, 0, v.Size)
	for name, commit := range map[string]func(c *Cache, log *epoch.Log, g *Stage) int64{
		"that is short": func(c *Cache, log *epoch.Log, g *Stage) int64 {
			g.Write(whole[:len(whole)-1])
			return g.Commit(v, log.Now())
		},
		"that got more than was announced": func(c *Cache, log *epoch.Log, g *Stage) int64 {
			g.Write(append(bytes.Clone(whole), 0))
			return g.Commit(v, log.Now())
		},
		"of another size": func(c *Cache, log *epoch.Log, g *Stage) int64 {
			g.Write(whole)
			return g.Commit(Version{"b", "k", `"e"`, v.Size + 1}, log.Now())
		},
		"that was closed": func(c *Cache, log *epoch.Log, g *Stage) int64 {
			g.Write(whole[:5*kib])
			g.Close()
			g.Write(whole[5*kib:])
			return g.Commit(v, log.Now())
		},
		"that an invalidation has overtaken": func(c *Cache, log *epoch.Log, g *Stage) int64 {
			since := log.Now()
			g.Write(whole)
			log.Add(epoch.Scope{Bucket: "b", Key: "k"})
			return g.Commit(v, since)
		},
		"of a cache that was closed": func(c *Cache, log *epoch.Log, g *Stage) int64 {
			g.Write(whole)
			_ = c.Close() // never fails
			return g.Commit(v, log.Now())
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, log := stageCache(t, &script{})
			g := c.Stage(v.Size)
			if n := commit(c, log, g); n != 0 {
				t.Errorf("%d bytes committed", n)
			}
			g.Close()
			g.Close()
			if r := c.Resident(v, 0, v.Size); r.ResidentPages != 0 || c.inFlight.Load() != 0 {
				t.Errorf("%d pages resident, %d bytes in flight", r.ResidentPages, c.inFlight.Load())
			}
		})
	}
}

func TestStagesTakeAnEighthOfTheMemory(t *testing.T) {
	c, _ := stageCache(t, &script{})
	if c.Stage(0) != nil || c.Stage(32*kib+1) != nil {
		t.Error("an object without pages, or one too large, has a stage")
	}
	first := c.Stage(20 * kib)
	if first == nil || c.Stage(13*kib) != nil {
		t.Error("not exactly an eighth is given")
	}
	second := c.Stage(12 * kib)
	if second == nil {
		t.Error("a stage that fits is refused")
	}
	first.Close()
	third := c.Stage(20 * kib)
	if third == nil {
		t.Error("what a stage has given back is lost")
	}
	second.Close()
	third.Close()
}

// A page takes a block, however small it is.
func TestStagesOfSmallObjectsTakeBlocks(t *testing.T) {
	c, _ := stageCache(t, &script{})
	for n := 0; ; n++ {
		g := c.Stage(1)
		if g == nil {
			if n != 8 {
				t.Errorf("%d stages of a block of 4 KiB fit into 32 KiB", n)
			}
			return
		}
		defer g.Close()
		if n == 9 {
			t.Fatal("stages have no end")
		}
	}
}

func TestAStageLeavesPagesAloneThatAreThere(t *testing.T) {
	c, log := stageCache(t, &script{})
	v := Version{"b", "k", `"e"`, 10 * kib}
	r := c.Read(t.Context(), v, 4*kib, 1, ReadOptions{Epoch: log.Now()})
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	g := c.Stage(v.Size)
	g.Write(content(v, 0, v.Size))
	resident := c.Resident(v, 0, v.Size).ResidentBytes
	if n := g.Commit(v, log.Now()); n != v.Size-resident {
		t.Errorf("%d bytes committed with %d there", n, resident)
	}
	_ = r.Close() // never fails
	if got := readWhole(t, c, v); !bytes.Equal(got, content(v, 0, v.Size)) {
		t.Error("other bytes")
	}
}

// Stages, reads, invalidations and the want of memory at once: whatever is read is right,
// and every account is balanced in the end.
func TestStagesAmongReadersAndInvalidations(t *testing.T) {
	seed := seedtest.Seed(t)
	c, log := stageCache(t, &script{})
	var wg sync.WaitGroup
	for worker := range 6 {
		rng := rand.New(rand.NewPCG(seed, uint64(worker)))
		wg.Go(func() {
			for range 200 {
				v := Version{"b", string(rune('a' + rng.IntN(4))), `"e"`, int64(1 + rng.IntN(30*kib))}
				switch rng.IntN(4) {
				case 0:
					log.Add(epoch.Scope{Bucket: "b", Key: v.Key})
					c.Invalidate(epoch.Scope{Bucket: "b", Key: v.Key})
				case 1:
					if got := readWhole(t, c, v); !bytes.Equal(got, content(v, 0, v.Size)) {
						t.Error("other bytes")
					}
				default:
					since := log.Now()
					g := c.Stage(v.Size)
					if g == nil {
						continue
					}
					g.write(content(v, 0, v.Size), 1+rng.IntN(8*kib))
					if rng.IntN(5) > 0 {
						g.Commit(v, since)
					}
					g.Close()
				}
			}
		})
	}
	wg.Wait()
}
