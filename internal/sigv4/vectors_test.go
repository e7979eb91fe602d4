package sigv4_test

import (
	"io"
	"strings"
	"testing"

	"github.com/hearthcache/hearth/internal/sigv4"
)

// TestAWSExamples checks the requests that AWS publishes with their signatures.
func TestAWSExamples(t *testing.T) {
	const credential = "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	body64K := strings.Repeat("a", 65536)
	tests := []struct {
		name, head, body string
		decoded          string
		trailer          string
	}{
		{
			name: "GET of a range",
			head: `GET /test.txt HTTP/1.1
Host: examplebucket.s3.amazonaws.com
Authorization: AWS4-HMAC-SHA256 ` + credential + `,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41
Range: bytes=0-9
x-amz-content-sha256: ` + empty + `
x-amz-date: 20130524T000000Z`,
		},
		{
			name: "PUT with a literal hash",
			head: `PUT /test%24file.text HTTP/1.1
Host: examplebucket.s3.amazonaws.com
Date: Fri, 24 May 2013 00:00:00 GMT
Authorization: AWS4-HMAC-SHA256 ` + credential + `,SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd
x-amz-content-sha256: 44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072
x-amz-date: 20130524T000000Z
x-amz-storage-class: REDUCED_REDUNDANCY
Content-Length: 21`,
			body:    "Welcome to Amazon S3.",
			decoded: "Welcome to Amazon S3.",
		},
		{
			name: "GET of a sub-resource",
			head: `GET /?lifecycle HTTP/1.1
Host: examplebucket.s3.amazonaws.com
Authorization: AWS4-HMAC-SHA256 ` + credential + `, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543
x-amz-content-sha256: ` + empty + `
x-amz-date: 20130524T000000Z`,
		},
		{
			name: "LIST with a prefix",
			head: `GET /?max-keys=2&prefix=J HTTP/1.1
Host: examplebucket.s3.amazonaws.com
Authorization: AWS4-HMAC-SHA256 ` + credential + `,SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7
x-amz-content-sha256: ` + empty + `
x-amz-date: 20130524T000000Z`,
		},
		{
			name: "LIST with its parameters in another order, which means the same",
			head: `GET /?prefix=J&max-keys=2 HTTP/1.1
Host: examplebucket.s3.amazonaws.com
Authorization: AWS4-HMAC-SHA256 ` + credential + `,SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7
x-amz-content-sha256: ` + empty + `
x-amz-date: 20130524T000000Z`,
		},
		{
			name: "presigned GET",
			head: `GET /test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404 HTTP/1.1
Host: examplebucket.s3.amazonaws.com`,
		},
		{
			name: "PUT in signed chunks",
			head: `PUT /examplebucket/chunkObject.txt HTTP/1.1
Host: s3.amazonaws.com
x-amz-date: 20130524T000000Z
x-amz-storage-class: REDUCED_REDUNDANCY
Authorization: AWS4-HMAC-SHA256 ` + credential + `,SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9
x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD
Content-Encoding: aws-chunked
x-amz-decoded-content-length: 66560
Content-Length: 66824`,
			body: "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" +
				body64K + "\r\n" +
				"400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" +
				body64K[:1024] + "\r\n" +
				"0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n",
			decoded: body64K + body64K[:1024],
		},
		{
			name: "PUT in signed chunks with a signed trailer",
			head: `PUT /examplebucket/chunkObject.txt HTTP/1.1
Host: s3.amazonaws.com
x-amz-date: 20130524T000000Z
x-amz-storage-class: REDUCED_REDUNDANCY
Authorization: AWS4-HMAC-SHA256 ` + credential + `,SignedHeaders=content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer,Signature=106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e
x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER
Content-Encoding: aws-chunked
x-amz-decoded-content-length: 66560
x-amz-trailer: x-amz-checksum-crc32c
Content-Length: 66946`,
			body: "10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n" +
				body64K + "\r\n" +
				"400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n" +
				body64K[:1024] + "\r\n" +
				"0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n" +
				"x-amz-checksum-crc32c:sOO8/Q==\r\n" +
				"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n",
			decoded: body64K + body64K[:1024],
			trailer: "sOO8/Q==",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := newVerifier(t, sigv4.Options{Region: exampleRegion})
			r := wire(t, tt.head, tt.body)
			if strings.Contains(tt.head, "Content-Length") && r.ContentLength < int64(len(tt.body)) {
				t.Fatalf("the example announces %d bytes of %d", r.ContentLength, len(tt.body))
			}
			id, err := v.Verify(r)
			if err != nil {
				t.Fatal(err)
			}
			if id.AccessKey != exampleAccessKey || !id.Time.Equal(exampleTime) || !id.Signed("host") {
				t.Errorf("identity: got %+v", id)
			}
			b, err := id.Body(r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(b)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.decoded {
				t.Errorf("body: got %d bytes, want %d", len(got), len(tt.decoded))
			}
			if got := b.Trailer().Get("X-Amz-Checksum-Crc32c"); got != tt.trailer {
				t.Errorf("trailer: got %q, want %q", got, tt.trailer)
			}
		})
	}
}
