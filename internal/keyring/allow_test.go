package keyring

import "testing"

func TestAllow(t *testing.T) {
	r := mustRing(t, Options{Keys: []Key{
		{AccessKey: "ROOT", Secret: "root-secret"},
		{AccessKey: "READER", Secret: "read-secret", Scopes: []Scope{{Bucket: "lake", Prefix: "tables/", Access: ReadOnly}}},
		{AccessKey: "WRITER", Secret: "write-secret", Scopes: []Scope{{Bucket: "lake-*", Access: WriteOnly}}},
		{AccessKey: "BOTH", Secret: "both-secret", Scopes: []Scope{
			{Bucket: "lake", Prefix: "a/", Access: ReadOnly},
			{Bucket: "lake", Prefix: "b/", Access: WriteOnly},
			{Bucket: "tmp-?", Access: ReadWrite},
		}},
		{AccessKey: "LOOSE", Secret: "loose-secret", Scopes: []Scope{{Bucket: "*", Prefix: "team", Access: ReadWrite}}},
	}})
	tests := []struct {
		name            string
		who, bucket, at string
		op              Op
		want            bool
	}{
		{"a key without scopes reads anything", "ROOT", "any", "key", Read, true},
		{"a key without scopes writes anything", "ROOT", "any", "key", Write, true},
		{"a key without scopes creates buckets", "ROOT", "new", "", Write, true},
		{"a key without scopes may use dot segments", "ROOT", "any", "a/../b", Read, true},
		{"a key without scopes may not do what is not known", "ROOT", "any", "key", Op(99), false},
		{"an unknown key does nothing", "NOBODY", "lake", "tables/x", Read, false},
		{"an empty key does nothing", "", "lake", "tables/x", Read, false},
		{"a name in other case is another key", "reader", "lake", "tables/x", Read, false},

		{"a reader reads below its prefix", "READER", "lake", "tables/x", Read, true},
		{"a reader reads the prefix itself", "READER", "lake", "tables/", Read, true},
		{"a reader does not read beside its prefix", "READER", "lake", "tables2/x", Read, false},
		{"a reader does not read above its prefix", "READER", "lake", "tables", Read, false},
		{"a reader does not write", "READER", "lake", "tables/x", Write, false},
		{"a reader does not read elsewhere", "READER", "pond", "tables/x", Read, false},
		{"a reader does not read in a bucket of the same beginning", "READER", "lake2", "tables/x", Read, false},
		{"a reader lists its prefix", "READER", "lake", "tables/", List, true},
		{"a reader lists below its prefix", "READER", "lake", "tables/items.lance/_versions/", List, true},
		{"a reader does not list the bucket", "READER", "lake", "", List, false},
		{"a reader does not list a part of its prefix", "READER", "lake", "tab", List, false},
		{"a reader sees its bucket", "READER", "lake", "", SeeBucket, true},
		{"a reader does not see others", "READER", "pond", "", SeeBucket, false},
		{"a reader does not read the bucket's settings", "READER", "lake", "", Read, false},
		{"a reader does not leave its prefix by dots", "READER", "lake", "tables/../secret", Read, false},
		{"a reader does not leave its prefix at the end", "READER", "lake", "tables/..", Read, false},
		{"a reader does not list by dots", "READER", "lake", "tables/../", List, false},
		{"a reader is refused single dots too", "READER", "lake", "tables/./x", Read, false},
		{"three dots are a name", "READER", "lake", "tables/.../x", Read, true},
		{"a name that begins with dots is a name", "READER", "lake", "tables/..x", Read, true},

		{"a writer writes", "WRITER", "lake-1", "x", Write, true},
		{"a writer does not read", "WRITER", "lake-1", "x", Read, false},
		{"a writer does not list", "WRITER", "lake-1", "", List, false},
		{"a writer sees its bucket", "WRITER", "lake-1", "", SeeBucket, true},
		{"a writer of the whole bucket deletes it", "WRITER", "lake-1", "", Write, true},
		{"a glob does not match less", "WRITER", "lake", "x", Write, false},
		{"a glob does not cross a slash", "WRITER", "lake-1/x", "x", Write, false},

		{"scopes do not add up across each other", "BOTH", "lake", "a/x", Write, false},
		{"each scope allows its own", "BOTH", "lake", "b/x", Write, true},
		{"reading where only writing is allowed", "BOTH", "lake", "b/x", Read, false},
		{"a scope of both reads", "BOTH", "tmp-1", "x", Read, true},
		{"a scope of both writes", "BOTH", "tmp-1", "x", Write, true},
		{"a question mark is one character", "BOTH", "tmp-10", "x", Read, false},

		{"a prefix without slash means names too", "LOOSE", "any", "team-b/x", Read, true},
		{"a prefix without slash is not left by dots either", "LOOSE", "any", "team/../x", Read, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := r.Allow(tt.who, tt.bucket, tt.at, tt.op); got != tt.want {
				t.Errorf("%s: %s of %s/%s: got %t", tt.who, tt.op, tt.bucket, tt.at, got)
			}
		})
	}
}

func FuzzAllow(f *testing.F) {
	f.Add("lake-*", "tables/", "lake-1", "tables/x")
	f.Add("*", "", "b", "../x")
	f.Add("[a-", "a", "a", "a/./b")
	f.Fuzz(func(t *testing.T, pattern, prefix, bucket, key string) {
		scope := Scope{Bucket: pattern, Prefix: prefix, Access: ReadWrite}
		if scope.validate() != nil {
			return
		}
		if scope.allows(bucket, key, Read) && (len(key) < len(prefix) || key[:len(prefix)] != prefix) {
			t.Errorf("%+v allows %q", scope, key)
		}
		if scope.allows(bucket, key, Read) && !scope.allows(bucket, key, SeeBucket) {
			t.Errorf("%+v allows %q in a bucket that it does not show", scope, key)
		}
		scope.Access = ReadOnly
		if scope.allows(bucket, key, Write) {
			t.Errorf("%+v allows writing", scope)
		}
	})
}

func BenchmarkAllow(b *testing.B) {
	r := mustRing(b, Options{Keys: []Key{{AccessKey: "READER", Secret: "read-secret", Scopes: []Scope{
		{Bucket: "other", Prefix: "x/", Access: ReadOnly}, {Bucket: "lake-*", Prefix: "tables/", Access: ReadOnly},
	}}}})
	b.ReportAllocs()
	for b.Loop() {
		if !r.Allow("READER", "lake-1", "tables/items.lance/_mem_wal/aa48498d/1f0c9a77_gen_3/data/0.lance", Read) {
			b.Fatal("refused")
		}
		if _, ok := r.Secret("READER"); !ok {
			b.Fatal("unknown")
		}
	}
}
