package fsst

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestEncodedTextsDecode(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	kinds := map[string]func(i int) []byte{
		"words":       func(i int) []byte { return fmt.Appendf(nil, "lorem ipsum %d dolor sit amet, %d", i%7, i) },
		"nothing":     func(int) []byte { return nil },
		"single byte": func(i int) []byte { return []byte{byte(i)} },
		"random":      func(int) []byte { b := make([]byte, r.IntN(40)); fill(r, b); return b },
		"zeros":       func(i int) []byte { return make([]byte, i%23) },
		"long":        func(i int) []byte { return bytes.Repeat([]byte(fmt.Sprint(i)), 900) },
	}
	for name, text := range kinds {
		for _, n := range []int{1, 2, 3, 1000} {
			t.Run(fmt.Sprintf("%d of %s", n, name), func(t *testing.T) {
				texts := make([][]byte, n)
				plain, packed := 0, 0
				for i := range texts {
					texts[i] = text(i)
				}
				e := Train(n, func(i int) []byte { return texts[i] })
				tab, err := Parse(e.Table())
				if err != nil || !tab.On() {
					t.Fatal(err, tab)
				}
				for i, want := range texts {
					b := e.AppendEncoded(nil, want)
					out := make([]byte, MaxGrowth*len(b)+Slack)
					k, err := tab.Decode(out, b)
					if err != nil || !bytes.Equal(out[:k], want) {
						t.Fatalf("text %d: got %q and %v, want %q", i, out[:k], err, want)
					}
					plain += len(want)
					packed += len(b)
				}
				if name == "words" && n == 1000 && packed*2 > plain {
					t.Errorf("%d bytes from %d", packed, plain)
				}
			})
		}
	}
}

func fill(r *rand.Rand, b []byte) {
	for i := range b {
		b[i] = byte(r.Uint32())
	}
}

func FuzzEncodedTextDecodes(f *testing.F) {
	f.Add([]byte("a text to train on, a text"), []byte("a text to encode"))
	f.Add([]byte{0, 255, 0, 255}, []byte{255, 255, 0})
	f.Fuzz(func(t *testing.T, train, text []byte) {
		e := Train(1, func(int) []byte { return train })
		tab, err := Parse(e.Table())
		if err != nil {
			t.Fatal(err)
		}
		b := e.AppendEncoded(nil, text)
		out := make([]byte, MaxGrowth*len(b)+Slack)
		if n, err := tab.Decode(out, b); err != nil || !bytes.Equal(out[:n], text) {
			t.Fatalf("got %q and %v", out[:n], err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	var texts [][]byte
	size := 0
	for i := range 20000 {
		texts = append(texts, fmt.Appendf(nil, "the quick brown fox number %d jumps over the lazy dog %d", i%977, i))
		size += len(texts[i])
	}
	e := Train(len(texts), func(i int) []byte { return texts[i] })
	b.SetBytes(int64(size))
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		dst = dst[:0]
		for _, t := range texts {
			dst = e.AppendEncoded(dst, t)
		}
	}
	b.ReportMetric(float64(len(dst))/float64(size), "ratio")
}
