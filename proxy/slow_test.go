package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestWhoDoesNotSendItsBodyIsAnsweredAndLetGo(t *testing.T) {
	h := newHearth(t, func(s *setup) { s.handler.BodyPatience = 50 * time.Millisecond })
	for name, begin := range map[string]string{
		"nothing of it":     "PUT /" + bucket + "/k HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n",
		"a part of it":      "PUT /" + bucket + "/k HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\npart",
		"a part of a form":  "POST /" + bucket + " HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000\r\n\r\n--b\r\n",
		"a part of a chunk": "PUT /" + bucket + "/k HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n100\r\nx",
		"what nobody reads": "PUT //" + bucket + "/k HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			if _, err := fmt.Fprint(c, begin); err != nil {
				t.Fatal(err)
			}
			answer, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			want := "RequestTimeout"
			if name == "what nobody reads" {
				want = "InvalidBucketName"
			}
			if answer.StatusCode != 400 || !strings.Contains(string(body), "<Code>"+want+"</Code>") || !answer.Close {
				t.Errorf("%d %v %s %v", answer.StatusCode, answer.Header, body, err)
			}
			if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
				t.Errorf("the connection is open: %d, %v", n, err)
			}
		})
	}
	if keys := h.origin.Keys(bucket, ""); len(keys) != 0 {
		t.Errorf("stored %q", keys)
	}
}

func TestAConnectionWhoseRequestCameInTimeIsGoodForTheNext(t *testing.T) {
	h := newHearth(t, nil)
	for range 3 {
		if a := h.ask(h.url, "PUT", "/"+bucket+"/k", nil, []byte("x")); a.Status != 200 {
			t.Errorf("%d %v", a.Status, a.Err)
		}
	}
}
