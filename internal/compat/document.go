package compat

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// An area is a row of the table of operations: the tests whose names begin with one of the calls.
type area struct {
	name  string
	calls []string
}

var areas = []area{
	{"objects", []string{"GetObject", "HeadObject", "PutObject", "DeleteObject", "DeleteObjects", "CopyObject", "GetObjectAttributes"}},
	{"multipart uploads", []string{
		"CreateMultipartUpload", "UploadPart", "UploadPartCopy", "CompleteMultipartUpload", "CompletedMultipartUpload", "AbortMultipartUpload", "ListParts", "ListMultipartUploads",
	}},
	{"listings", []string{"ListObjects", "ListObjectsV2", "ListObjectVersions", "ListBuckets"}},
	{"versions", []string{"Versioning", "PutBucketVersioning", "GetBucketVersioning"}},
	{"buckets", []string{
		"CreateBucket", "HeadBucket", "DeleteBucket", "GetBucketLocation", "PutBucketOwnershipControls", "GetBucketOwnershipControls", "DeleteBucketOwnershipControls",
	}},
	{"tags", []string{"PutObjectTagging", "GetObjectTagging", "DeleteObjectTagging", "PutBucketTagging", "GetBucketTagging", "DeleteBucketTagging"}},
	{"ACLs and policies", []string{"AccessControl", "IAM", "PutBucketAcl", "GetBucketAcl", "PutBucketPolicy", "GetBucketPolicy", "DeleteBucketPolicy", "PublicBucket"}},
	{"locks", []string{
		"PutObjectRetention", "GetObjectRetention", "PutObjectLegalHold", "GetObjectLegalHold", "PutObjectLockConfiguration", "GetObjectLockConfiguration",
	}},
	{"CORS, websites", []string{"PutBucketCors", "GetBucketCors", "DeleteBucketCors", "PreflightOPTIONS", "PutBucketWebsite", "GetBucketWebsite", "DeleteBucketWebsite"}},
	{"signatures in headers and links", []string{"Authentication", "PresignedAuth"}},
	{"streamed uploads", []string{"SignedStreamingPayload", "SignedStreamingPayloadTrailer", "UnsignedStreamingPayloadTrailer", "UnsignedStreaminPayloadTrailer"}},
	{"browser forms", []string{"PostObject"}},
}

// Document returns text with the parts between its marks made anew. root is that of the module, whose end-to-end tests
// are read.
func Document(text, root string) (string, error) {
	clients, err := clientTable(root)
	if err != nil {
		return "", err
	}
	for _, part := range []struct{ name, text string }{
		{"figures", figures()}, {"differences", differences()}, {"operations", operations()}, {"clients", clients},
	} {
		before, rest, found := strings.Cut(text, "<!-- made from the tests: "+part.name+" -->\n")
		_, after, ended := strings.Cut(rest, "<!-- end -->\n")
		if !found || !ended {
			return "", errors.New("compat: the document has no part " + part.name)
		}
		text = before + "<!-- made from the tests: " + part.name + " -->\n\n" + part.text + "\n<!-- end -->\n" + after
	}
	return text, nil
}

func figures() string {
	count := map[Verdict]int{}
	for _, v := range Recorded() {
		count[v]++
	}
	return fmt.Sprintf(`Of its %d tests %d pass at a versitygw store. Of these, %d pass through Hearth in front of another such store, and %d need
not, for the reasons below. The other %d fail at the store already and say nothing.
`, len(Recorded()), count[Passes]+count[Differs], count[Passes], count[Differs], count[Fails])
}

func differences() string {
	var b strings.Builder
	b.WriteString("| what | at S3 | through Hearth | why | tests |\n|---|---|---|---|---|\n")
	var rows []Difference
	tests := map[string]int{}
	for _, d := range Differences() {
		if tests[d.What] == 0 {
			rows = append(rows, d)
		}
		for name, v := range Recorded() {
			if by, ok := Allows(name); ok && by.Pattern == d.Pattern && v == Differs {
				tests[d.What]++
			}
		}
	}
	for _, d := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %d |\n", d.What, d.AtS3, d.ThroughHearth, d.Why, tests[d.What])
	}
	return b.String()
}

func operations() string {
	type counts map[Verdict]int
	rows := make([]counts, len(areas)+1) // the last for what is in no area
	for i := range rows {
		rows[i] = counts{}
	}
	for name, v := range Recorded() {
		call, _, _ := strings.Cut(name, "_")
		at := slices.IndexFunc(areas, func(a area) bool { return slices.Contains(a.calls, call) })
		if at < 0 {
			at = len(areas)
		}
		rows[at][v]++
	}
	var b strings.Builder
	b.WriteString("| of S3 | calls | the same through Hearth | different, see above | fail at the store |\n|---|---|---|---|---|\n")
	for i, row := range rows {
		name, calls := "requests that no route fits", "with parameters that do not belong together"
		if i < len(areas) {
			name, calls = areas[i].name, strings.Join(documented(areas[i].calls), ", ")
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d |\n", name, calls, row[Passes], row[Differs], row[Fails])
	}
	return b.String()
}

// documented leaves out what only the suite calls so.
func documented(calls []string) []string {
	return slices.DeleteFunc(slices.Clone(calls), func(call string) bool {
		return call == "UnsignedStreaminPayloadTrailer" || call == "CompletedMultipartUpload"
	})
}

func sortedSet(words []string) []string {
	set := map[string]bool{}
	for _, w := range words {
		set[w] = true
	}
	return slices.Sorted(maps.Keys(set))
}
