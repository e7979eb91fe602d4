package awschunked_test

import (
	"fmt"
	"io"
	"strings"

	"github.com/hearthcache/hearth/internal/awschunked"
)

func Example() {
	body := "b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n"
	d, err := awschunked.NewDecoder(strings.NewReader(body), awschunked.DecoderOptions{
		DecodedBytes: 11, // x-amz-decoded-content-length
		Trailers:     []string{"x-amz-checksum-crc32"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	object, err := io.ReadAll(d) // the last byte only if the checksum is right
	fmt.Printf("%s, %v, %s\n", object, err, d.Trailer().Get("x-amz-checksum-crc32"))
	// Output: hello world, <nil>, DUoRhQ==
}
