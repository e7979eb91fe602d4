package sigv4

import (
	"encoding/hex"
	"fmt"
	"sync"
	"testing"
)

func TestDerivedKeySignsAsAWSPublishes(t *testing.T) {
	// The example of "Deriving the signing key": its key signs the string to sign of
	// the range GET.
	k := deriveKey(keyID{"AKIAIOSFODNN7EXAMPLE", "20130524", "us-east-1"}, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "s3")
	message := "AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n" +
		"7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972"
	const want = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
	for range 3 { // the second time from a used HMAC state
		if got := string(k.appendSignature(nil, []byte(message))); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := string(k.appendSignature([]byte("before"), []byte(message))); got != "before"+want {
		t.Errorf("appended: got %s", got)
	}
}

func TestAppendHex(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	if got, want := string(appendHex(nil, all)), hex.EncodeToString(all); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestKeyCacheIsBoundedAndForgetsOldDaysFirst(t *testing.T) {
	c := keyCache{service: "s3"}
	id := func(day, region int) keyID {
		return keyID{"KEY", fmt.Sprintf("201305%02d", day), fmt.Sprint("r", region)}
	}
	cached := func(id keyID) bool {
		_, ok := c.known(id, "secret")
		return ok
	}
	put := func(id keyID) {
		k, _ := c.known(id, "secret")
		c.add(k)
	}
	for i := range maxCachedKeys - 1 {
		put(id(23, i))
	}
	put(id(24, 0))
	if !cached(id(23, 0)) || !cached(id(24, 0)) {
		t.Error("a key is forgotten before the cache is full")
	}
	put(id(24, 1))
	if cached(id(23, 0)) || !cached(id(24, 0)) || !cached(id(24, 1)) {
		t.Error("a full cache must forget the other days, and only those")
	}
	for i := range 3 * maxCachedKeys {
		put(id(24, i))
		if n := len(*c.keys.Load()); n > maxCachedKeys {
			t.Fatalf("%d keys are cached", n)
		}
		if !cached(id(24, i)) {
			t.Fatalf("key %d is not cached", i)
		}
	}
}

func TestKeyCacheUnderConcurrency(t *testing.T) {
	c := keyCache{service: "s3"}
	want := string(deriveKey(keyID{"KEY", "20130524", "r"}, "secret", "s3").appendSignature(nil, []byte("m")))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 300 {
				k, ok := c.known(keyID{"KEY", "20130524", "r"}, "secret")
				if got := string(k.appendSignature(nil, []byte("m"))); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				if !ok {
					c.add(k)
				}
				other, _ := c.known(keyID{"KEY", "20130524", fmt.Sprint(g, i)}, "secret")
				c.add(other)
				c.madeUp(keyID{"NOBODY", "20130524", fmt.Sprint(i % 3)}, "x")
			}
		})
	}
	wg.Wait()
}
