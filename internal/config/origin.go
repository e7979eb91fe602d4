package config

import (
	"fmt"
	"net/url"
	"strings"
)

// OriginKind is what the origin setting names.
type OriginKind string

// The kinds of origins.
const (
	OriginURL OriginKind = "url"
	OriginAWS OriginKind = "aws"
	OriginDir OriginKind = "dir"
)

const dirPrefix = "dir:"

// Origin is the origin setting, parsed.
type Origin struct {
	Kind OriginKind
	// URL is the endpoint, for kind url.
	URL *url.URL
	// Dir is the directory of the embedded store, for kind dir.
	Dir string
}

// ParseOrigin reads the origin setting. A URL carries scheme, host and port
// only: a path or credentials in it would end up in logs and signatures.
func ParseOrigin(s string) (Origin, error) {
	if s == "aws" {
		return Origin{Kind: OriginAWS}, nil
	}
	if dir, ok := strings.CutPrefix(s, dirPrefix); ok {
		if dir == "" {
			return Origin{}, fmt.Errorf("dir: names no directory")
		}
		return Origin{Kind: OriginDir, Dir: dir}, nil
	}
	u, err := url.Parse(s)
	switch {
	case err != nil, u.Host == "", u.Scheme != "http" && u.Scheme != "https":
		// The text may hold credentials, so it is not repeated here.
		return Origin{}, fmt.Errorf("it is not a URL such as https://s3.example.com, aws, or dir:PATH")
	case u.User != nil:
		return Origin{}, fmt.Errorf("credentials do not belong in a URL: the AWS SDK finds them in AWS_ACCESS_KEY_ID, files or the pod's identity")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return Origin{}, fmt.Errorf("%s://%s has more than scheme, host and port; buckets are named by clients", u.Scheme, u.Host)
	}
	u.Path = ""
	return Origin{Kind: OriginURL, URL: u}, nil
}
