package wordspace

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// texts are about one of two things each, in a few of many words.
func texts() []string {
	rng := rand.New(rand.NewPCG(1, 2))
	var out []string
	for i := range 1500 {
		subject, text := []string{"ship", "garden"}[i%2], ""
		for range 12 {
			text += subject + letters(rng.IntN(150)) + " "
		}
		out = append(out, text)
	}
	return out
}

// letters are two letters for a number.
func letters(n int) string { return string([]byte{byte('a' + n/13), byte('n' + n%13)}) }

func dot(a, b []float32) (sum float64) {
	for d := range a {
		sum += float64(a[d]) * float64(b[d])
	}
	return sum
}

func TestTextsOfOneSubjectAreNearerThanThoseOfTwo(t *testing.T) {
	all := texts()
	s := New(all)
	var near, far float64
	const n = 100
	for i := range n {
		v := s.Vector(all[i])
		if length := math.Sqrt(dot(v, v)); math.Abs(length-1) > 1e-5 {
			t.Fatalf("length %f", length)
		}
		near += dot(v, s.Vector(all[i+2*n])) / n
		far += dot(v, s.Vector(all[i+2*n+1])) / n
	}
	if near < far+0.2 {
		t.Errorf("texts of one subject are %.2f alike, those of two %.2f", near, far)
	}
}

func TestSpaceIsTheSameEachTime(t *testing.T) {
	if diff := cmp.Diff(New(texts()).Vector("shipan gardenan"), New(texts()).Vector("shipan gardenan")); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownWordsSayNothing(t *testing.T) {
	s := New(texts())
	for _, text := range []string{"", "zeppelin", "!!", "a"} {
		if v := s.Vector(text); v != nil {
			t.Errorf("%q lies at %v", text, v)
		}
	}
	if diff := cmp.Diff(s.Vector("shipan"), s.Vector("zeppelin shipan")); diff != "" {
		t.Error(diff)
	}
}

func TestFewTextsMakeASpaceToo(t *testing.T) {
	for n := range 4 {
		for _, x := range New(texts()[:n]).Vector("shipan gardenan") {
			if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
				t.Fatalf("%d texts: %v", n, x)
			}
		}
	}
}
