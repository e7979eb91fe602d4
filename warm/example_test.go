package warm_test

import (
	"fmt"

	"github.com/hearthcache/hearth/warm"
)

// A path is a directory whether or not it ends with a slash, and never covers its
// neighbours.
func ExamplePath_Prefix() {
	for _, s := range []string{"s3://lake/db/gen_4", "s3://lake/db/gen_4/", "s3://lake"} {
		p, err := warm.ParsePath(s)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: keys that begin with %q\n", s, p.Prefix())
	}
	// Output:
	// s3://lake/db/gen_4: keys that begin with "db/gen_4/"
	// s3://lake/db/gen_4/: keys that begin with "db/gen_4/"
	// s3://lake: keys that begin with ""
}
