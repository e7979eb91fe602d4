package awschunked

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/seedtest"
)

func checksumOf(t testing.TB, name, data string) string {
	t.Helper()
	h, ok := NewChecksum(name)
	if !ok {
		t.Fatalf("no checksum %s", name)
	}
	h.Write([]byte(data))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// fakeSignatures accepts the signature that is the SHA-256 of "chunk" or
// "trailer" and the digest, and keeps a list of what it was asked.
type fakeSignatures struct{ asked []string }

func fakeSignature(kind string, digest [sha256.Size]byte) string {
	sum := sha256.Sum256([]byte(kind + string(digest[:])))
	return hexOf(sum[:])
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, c := range b {
		s.WriteByte(digits[c>>4])
		s.WriteByte(digits[c&15])
	}
	return s.String()
}

var errForged = errors.New("forged")

func (f *fakeSignatures) check(kind string, signature []byte, digest [sha256.Size]byte) error {
	f.asked = append(f.asked, kind)
	if string(signature) != fakeSignature(kind, digest) {
		return errForged
	}
	return nil
}

func (f *fakeSignatures) Chunk(signature []byte, digest [sha256.Size]byte) error {
	return f.check("chunk", signature, digest)
}

func (f *fakeSignatures) Trailer(signature []byte, digest [sha256.Size]byte) error {
	return f.check("trailer", signature, digest)
}

func signedChunk(data string) string {
	s := strconv.FormatInt(int64(len(data)), 16) + ";chunk-signature=" + fakeSignature("chunk", sha256.Sum256([]byte(data))) + "\r\n" + data
	if data != "" {
		s += "\r\n"
	}
	return s
}

func trailerSignatureOf(canonical string) string {
	return "x-amz-trailer-signature:" + fakeSignature("trailer", sha256.Sum256([]byte(canonical))) + "\r\n"
}

func TestDecode(t *testing.T) {
	crc := checksumOf(t, "x-amz-checksum-crc32", "hello world")
	crcLine := "x-amz-checksum-crc32:" + crc
	tests := []struct {
		name     string
		body     string
		decoded  int64
		trailers []string
		signed   bool // chunks
		sealed   bool // trailer
		limit    int64
		least    int64

		want        string
		wantTrailer http.Header
		wantErr     error
		wantSeen    string // with wantErr: what came out before
	}{
		{name: "one chunk", body: "b\r\nhello world\r\n0\r\n\r\n", decoded: 11, want: "hello world"},
		{name: "several chunks, sizes in either case and with leading zeros", body: "0006\r\nhello \r\n5\r\nworld\r\n0A\r\n0123456789\r\n000\r\n\r\n", decoded: 21, want: "hello world0123456789"},
		{name: "nothing", body: "0\r\n\r\n", decoded: 0, want: ""},
		{name: "one byte", body: "1\r\nx\r\n0\r\n\r\n", decoded: 1, want: "x"},
		{
			name: "a checksum trailer", body: "b\r\nhello world\r\n0\r\n" + crcLine + "\r\n\r\n", decoded: 11,
			trailers: []string{"X-Amz-Checksum-Crc32"}, want: "hello world", wantTrailer: http.Header{"X-Amz-Checksum-Crc32": {crc}},
		},
		{
			name: "a trailer line that ends in a line feed", body: "b\r\nhello world\r\n0\r\n" + crcLine + "\n\r\n\r\n", decoded: 11,
			trailers: []string{"x-amz-checksum-crc32"}, want: "hello world", wantTrailer: http.Header{"X-Amz-Checksum-Crc32": {crc}},
		},
		{
			name: "a trailer in another case, with spaces", body: "b\r\nhello world\r\n0\r\nX-AMZ-Checksum-CRC32: " + crc + " \r\n\r\n", decoded: 11,
			trailers: []string{"x-amz-checksum-crc32"}, want: "hello world", wantTrailer: http.Header{"X-Amz-Checksum-Crc32": {crc}},
		},
		{name: "signed chunks", body: signedChunk("hello ") + signedChunk("world") + signedChunk("") + "\r\n", decoded: 11, signed: true, want: "hello world"},
		{
			name: "a signed trailer", body: signedChunk("hello world") + signedChunk("") + crcLine + "\r\n" + trailerSignatureOf(crcLine+"\n") + "\r\n",
			decoded: 11, signed: true, sealed: true, trailers: []string{"x-amz-checksum-crc32"},
			want: "hello world", wantTrailer: http.Header{"X-Amz-Checksum-Crc32": {crc}},
		},

		{name: "an empty body", body: "", decoded: 5, wantErr: ErrTruncated},
		{name: "an empty body for an empty object", body: "", decoded: 0, wantErr: ErrTruncated},
		{name: "no final chunk", body: "5\r\nhello\r\n", decoded: 5, wantErr: ErrTruncated, wantSeen: "hell"},
		{name: "no line end after the final chunk", body: "5\r\nhello\r\n0\r\n", decoded: 5, wantErr: ErrTruncated, wantSeen: "hell"},
		{name: "an end inside a chunk", body: "b\r\nhello w", decoded: 11, wantErr: ErrTruncated, wantSeen: "hello w"},
		{name: "a size without digits", body: "\r\n\r\n", decoded: 5, wantErr: ErrMalformed},
		{name: "a size that is not hexadecimal", body: "g\r\n", decoded: 5, wantErr: ErrMalformed},
		{name: "a size with a sign", body: "+5\r\nhello\r\n0\r\n\r\n", decoded: 5, wantErr: ErrMalformed},
		{name: "a size with a prefix", body: "0x5\r\nhello\r\n0\r\n\r\n", decoded: 5, wantErr: ErrMalformed},
		{name: "a size with a space", body: "5 \r\nhello\r\n0\r\n\r\n", decoded: 5, wantErr: ErrMalformed},
		{name: "a size beyond 64 bits", body: "10000000000000005\r\nhello\r\n0\r\n\r\n", decoded: 5, wantErr: ErrMalformed},
		{name: "a size that overflows to a good one", body: "ffffffffffffffff\r\n", decoded: 5, wantErr: ErrMalformed},
		{name: "a header line that never ends", body: strings.Repeat("0", 1<<20), decoded: 5, wantErr: ErrMalformed},
		{name: "a header line that ends too late", body: strings.Repeat("0", 200) + "5\r\nhello", decoded: 5, wantErr: ErrMalformed},
		{name: "a header that ends in a line feed", body: "5\nhello\r\n0\r\n\r\n", decoded: 5, wantErr: ErrMalformed},
		{name: "a chunk extension", body: "5;a=b\r\nhello\r\n0\r\n\r\n", decoded: 5, wantErr: ErrMalformed},
		{name: "data longer than its chunk", body: "4\r\nhello\r\n0\r\n\r\n", decoded: 5, wantErr: ErrMalformed, wantSeen: "hell"},
		{name: "data without a line end", body: "5\r\nhello0\r\n\r\n", decoded: 5, wantErr: ErrMalformed, wantSeen: "hell"},
		{name: "a chunk above the limit", body: "6\r\nhello \r\n0\r\n\r\n", decoded: 6, limit: 5, wantErr: ErrMalformed},
		{name: "a chunk above the announced length", body: "6\r\nhello \r\n0\r\n\r\n", decoded: 5, wantErr: ErrLength},
		{name: "a chunk of terabytes", body: "fffffffffff\r\n", decoded: 5, wantErr: ErrMalformed},
		{name: "a chunk above the announced length, which its data has", body: "6\r\nhello\r\n0\r\n\r\n", decoded: 5, wantErr: ErrMalformed},
		{name: "a chunk above the announced length, where the body ends", body: "6\r\nhello", decoded: 5, wantErr: ErrTruncated},
		{name: "a chunk above an announced length beyond the buffer", body: "fffff\r\nhello", decoded: 0xffffe, wantErr: ErrLength},
		{name: "small chunks where only the last may be small", body: "6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n", decoded: 11, least: 6, want: "hello world"},
		{name: "a small chunk before the last", body: "6\r\nhello \r\n5\r\nworld\r\n1\r\n!\r\n0\r\n\r\n", decoded: 12, least: 6, wantErr: ErrChunkSize, wantSeen: "hello world"},
		{name: "chunks that sum up too high", body: "4\r\nhell\r\n4\r\nhell\r\n0\r\n\r\n", decoded: 6, wantErr: ErrLength, wantSeen: "hell"},
		{name: "chunks that sum up too low", body: "4\r\nhell\r\n0\r\n\r\n", decoded: 6, wantErr: ErrLength, wantSeen: "hell"},
		{name: "a chunk after the last byte", body: "5\r\nhello\r\n1\r\nx\r\n0\r\n\r\n", decoded: 5, wantErr: ErrLength, wantSeen: "hell"},
		{name: "a chunk for an empty object", body: "1\r\nx\r\n0\r\n\r\n", decoded: 0, wantErr: ErrLength},
		{name: "bytes after the end", body: "5\r\nhello\r\n0\r\n\r\nGET", decoded: 5, wantErr: ErrMalformed, wantSeen: "hell"},
		{name: "line ends without end after the end", body: "5\r\nhello\r\n0\r\n\r\n" + strings.Repeat("\r\n", 9), decoded: 5, wantErr: ErrMalformed, wantSeen: "hell"},

		{name: "a trailer that was not announced", body: "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", decoded: 5, wantErr: ErrTrailer, wantSeen: "hell"},
		{name: "an announced trailer that is missing", body: "5\r\nhello\r\n0\r\n\r\n", decoded: 5, trailers: []string{"x-amz-checksum-crc32"}, wantErr: ErrTrailer, wantSeen: "hell"},
		{name: "a trailer without a colon", body: "5\r\nhello\r\n0\r\nx-amz-checksum-crc32\r\n\r\n", decoded: 5, trailers: []string{"x-amz-checksum-crc32"}, wantErr: ErrTrailer, wantSeen: "hell"},
		{name: "a trailer without a value", body: "5\r\nhello\r\n0\r\nx-amz-checksum-crc32: \r\n\r\n", decoded: 5, trailers: []string{"x-amz-checksum-crc32"}, wantErr: ErrTrailer, wantSeen: "hell"},
		{name: "a trailer with control bytes", body: "5\r\nhello\r\n0\r\nx-amz-checksum-foo:a\x01b\r\n\r\n", decoded: 5, trailers: []string{"x-amz-checksum-foo"}, wantErr: ErrTrailer, wantSeen: "hell"},
		{name: "a trailer with a carriage return inside", body: "5\r\nhello\r\n0\r\nx-amz-checksum-foo:a\rx-amz-acl: b\r\n\r\n", decoded: 5, trailers: []string{"x-amz-checksum-foo"}, wantErr: ErrMalformed, wantSeen: "hell"},
		{name: "a checksum of another length", body: "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n", decoded: 5, trailers: []string{"x-amz-checksum-crc32"}, wantErr: ErrChecksumValue, wantSeen: "hell"},
		{name: "a checksum of another alphabet", body: "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AA-_AA==\r\n\r\n", decoded: 5, trailers: []string{"x-amz-checksum-crc32"}, wantErr: ErrChecksumValue, wantSeen: "hell"},
		{name: "a checksum of another length that is not known here", body: "5\r\nhello\r\n0\r\nx-amz-checksum-xxhash3:AAAA\r\n\r\n", decoded: 5, trailers: []string{"x-amz-checksum-xxhash3"}, wantErr: ErrChecksumValue, wantSeen: "hell"},
		{name: "a wrong checksum", body: "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", decoded: 5, trailers: []string{"x-amz-checksum-crc32"}, wantErr: ErrChecksum, wantSeen: "hell"},
		{name: "a trailer signature nobody asked for", body: "5\r\nhello\r\n0\r\n" + trailerSignatureOf("") + "\r\n", decoded: 5, wantErr: ErrTrailer, wantSeen: "hell"},
		{name: "trailers that never end", body: "5\r\nhello\r\n0\r\n" + strings.Repeat("x-amz-checksum-crc32:AAAAAA==\r\n", 1), decoded: 5, trailers: []string{"x-amz-checksum-crc32"}, wantErr: ErrTruncated, wantSeen: "hell"},

		{name: "signed chunks without signature", body: "5\r\nhello\r\n0\r\n\r\n", decoded: 5, signed: true, wantErr: ErrMalformed},
		{name: "a signature that is too short", body: "5;chunk-signature=abc\r\nhello\r\n0\r\n\r\n", decoded: 5, signed: true, wantErr: ErrMalformed},
		{name: "a forged chunk that fits the buffer", body: strings.Replace(signedChunk("hello"), "hello", "hellO", 1), decoded: 8, signed: true, wantErr: errForged},
		{name: "a forged final chunk", body: signedChunk("hello") + strings.Replace(signedChunk(""), "=", "=0", 1)[:82] + "\r\n\r\n", decoded: 5, signed: true, wantErr: errForged, wantSeen: "hell"},
		{name: "a signed trailer without signature", body: signedChunk("hello world") + signedChunk("") + crcLine + "\r\n\r\n\r\n\r\n", decoded: 11, signed: true, sealed: true, trailers: []string{"x-amz-checksum-crc32"}, wantErr: ErrTrailer, wantSeen: "hello worl"},
		{name: "a signed trailer with a signature of another form", body: signedChunk("hello world") + signedChunk("") + crcLine + "\r\nx-amz-trailer-signature:abc\r\n\r\n", decoded: 11, signed: true, sealed: true, trailers: []string{"x-amz-checksum-crc32"}, wantErr: ErrMalformed, wantSeen: "hello worl"},
		{name: "a signed trailer and another where its signature is due", body: signedChunk("hello world") + signedChunk("") + crcLine + "\r\nx-amz-sig:abc\r\n\r\n", decoded: 11, signed: true, sealed: true, trailers: []string{"x-amz-checksum-crc32"}, wantErr: ErrMalformed, wantSeen: "hello worl"},
		{name: "a signature over less than was announced", body: signedChunk("hello world") + signedChunk("") + trailerSignatureOf("") + "\r\n", decoded: 11, signed: true, sealed: true, trailers: []string{"x-amz-checksum-crc32"}, wantErr: ErrTrailer, wantSeen: "hello worl"},
		{name: "a signed trailer signed for something else", body: signedChunk("hello world") + signedChunk("") + crcLine + "\r\n" + trailerSignatureOf("x") + "\r\n", decoded: 11, signed: true, sealed: true, trailers: []string{"x-amz-checksum-crc32"}, wantErr: errForged, wantSeen: "hello worl"},
		{name: "two trailer signatures", body: signedChunk("hello world") + signedChunk("") + crcLine + "\r\n" + trailerSignatureOf(crcLine+"\n") + trailerSignatureOf(crcLine+"\n") + "\r\n", decoded: 11, signed: true, sealed: true, trailers: []string{"x-amz-checksum-crc32"}, wantErr: ErrTrailer, wantSeen: "hello worl"},
	}
	readers := map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "bytewise": iotest.OneByteReader, "late": iotest.DataErrReader,
	}
	for _, tt := range tests {
		for kind, wrap := range readers {
			t.Run(tt.name+" "+kind, func(t *testing.T) {
				o := DecoderOptions{DecodedBytes: tt.decoded, Trailers: tt.trailers, SignedTrailer: tt.sealed, MaxChunkBytes: tt.limit, MinChunkBytes: tt.least}
				if tt.signed {
					o.Signatures = &fakeSignatures{}
				}
				d, err := NewDecoder(wrap(strings.NewReader(tt.body)), o)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(d)
				if !errors.Is(err, tt.wantErr) {
					t.Fatalf("error: got %v, want %v", err, tt.wantErr)
				}
				if tt.wantErr != nil {
					// Byte by byte, the beginning of a forged chunk does come out.
					if string(got) != tt.wantSeen && kind != "bytewise" || int64(len(got)) > max(0, tt.decoded-1) {
						t.Errorf("before the error: got %q, want %q", got, tt.wantSeen)
					}
					if _, again := d.Read(make([]byte, 1)); !errors.Is(again, tt.wantErr) || d.Trailer() != nil {
						t.Errorf("after the error: %v, trailer %v", again, d.Trailer())
					}
					return
				}
				if string(got) != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				if tt.wantTrailer == nil {
					tt.wantTrailer = http.Header{}
				}
				if diff := cmp.Diff(tt.wantTrailer, d.Trailer()); diff != "" {
					t.Errorf("trailer (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestDecoderOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]DecoderOptions{
		"a negative length":                   {DecodedBytes: -1},
		"a negative limit":                    {MaxChunkBytes: -1},
		"a negative least size":               {MinChunkBytes: -1},
		"a signed trailer without signatures": {SignedTrailer: true},
		"too many trailers":                   {Trailers: slices.Repeat([]string{"x-amz-checksum-crc32"}, 17)},
		"a trailer twice":                     {Trailers: []string{"x-amz-checksum-crc32", "X-Amz-Checksum-CRC32"}},
		"a trailer that frames messages":      {Trailers: []string{"content-length"}},
		"a trailer without a name":            {Trailers: []string{""}},
		"the trailer signature":               {Trailers: []string{"x-amz-trailer-signature"}},
		"a name with a line end":              {Trailers: []string{"x-amz-a\r\nx"}},
	} {
		if _, err := NewDecoder(strings.NewReader(""), o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestAReaderThatFailsIsNotABodyThatEnded(t *testing.T) {
	broken := errors.New("connection reset")
	body := "b\r\nhello world\r\n0\r\n\r\n"
	for n := range len(body) {
		d, err := NewDecoder(io.MultiReader(strings.NewReader(body[:n]), iotest.ErrReader(broken)), DecoderOptions{DecodedBytes: 11})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(d)
		if !errors.Is(err, broken) || errors.Is(err, ErrTruncated) || len(got) > 10 {
			t.Errorf("after %d bytes: got %q and %v", n, got, err)
		}
	}
}

// TestRandomBodies encodes random objects in random chunks, reads them through
// buffers of random sizes, and then flips one bit: the object must come out
// whole, or not complete.
func TestRandomBodies(t *testing.T) {
	seed := seedtest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 400 {
		data := make([]byte, rng.IntN(20_000))
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		var body strings.Builder
		for rest := string(data); rest != ""; {
			n := min(len(rest), 1+rng.IntN(9000))
			body.WriteString(signedChunk(rest[:n]))
			rest = rest[n:]
		}
		crcLine := "x-amz-checksum-crc64nvme:" + checksumOf(t, "x-amz-checksum-crc64nvme", string(data))
		body.WriteString(signedChunk("") + crcLine + "\r\n" + trailerSignatureOf(crcLine+"\n") + "\r\n")
		o := DecoderOptions{
			DecodedBytes: int64(len(data)), Signatures: &fakeSignatures{}, SignedTrailer: true,
			Trailers: []string{"x-amz-checksum-crc64nvme"},
		}
		got, err := readInPieces(rng, body.String(), o)
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d bytes: got %d, %v", len(data), len(got), err)
		}
		bad := []byte(body.String())
		bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
		got, err = readInPieces(rng, string(bad), o)
		if err == nil && !bytes.Equal(got, data) || err != nil && len(got) >= len(data) && len(data) > 0 {
			t.Fatalf("%d bytes with a bit flipped: got %d, %v", len(data), len(got), err)
		}
	}
}

func readInPieces(rng *rand.Rand, body string, o DecoderOptions) ([]byte, error) {
	d, err := NewDecoder(strings.NewReader(body), o)
	if err != nil {
		return nil, err
	}
	var all []byte
	p := make([]byte, 8192)
	for {
		n, err := d.Read(p[:1+rng.IntN(len(p))])
		all = append(all, p[:n]...)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

func TestChecksums(t *testing.T) {
	// Check values of the catalogue of CRCs, for "123456789", and of FIPS 180.
	for name, want := range map[string]string{
		"x-amz-checksum-crc32":     "cbf43926",
		"X-Amz-Checksum-Crc32c":    "e3069283",
		"x-amz-checksum-crc64nvme": "ae8b14860a799888",
		"x-amz-checksum-sha1":      "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
		"x-amz-checksum-sha256":    "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
		"x-amz-checksum-md5":       "25f9e794323b453885f5181f1b624d0b",
	} {
		h, ok := NewChecksum(name)
		if !ok {
			t.Errorf("%s is not known", name)
			continue
		}
		h.Write([]byte("123456789"))
		if got := hexOf(h.Sum(nil)); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	for _, name := range []string{"x-amz-checksum-xxhash3", "x-amz-checksum-", "crc32", "x-amz-meta-crc32"} {
		if _, ok := NewChecksum(name); ok {
			t.Errorf("%s is taken for a checksum", name)
		}
	}
}
