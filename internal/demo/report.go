package demo

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Counts are origin requests, counted where they arrive.
type Counts struct{ Immutable, Mutable int64 }

// A Row compares one query cold and warmed.
type Row struct {
	Name             string
	Cold, Warm       Run
	AtCold, AtWarmed Counts
}

// Equal reports whether every answer was the same.
func (r Row) Equal() bool { return r.Cold.Equal(r.Warm) }

// Report writes the rows as a table.
func Report(w io.Writer, rows []Row) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "first query of\tclient\tcold:\t\twarmed:\torigin requests\t\t\t\t")
	fmt.Fprintln(t, "a fresh process\trequests\torigin requests\ttime\timmutable\tmutable\ttime\tfaster\tanswers\t")
	for _, r := range rows {
		same := "equal"
		if !r.Equal() {
			same = "DIFFERENT"
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%.2f s\t%d\t%d\t%.2f s\t%.1fx\t%s\t\n", r.Name, r.Cold.Requests,
			r.AtCold.Immutable+r.AtCold.Mutable, r.Cold.Elapsed.Seconds(), r.AtWarmed.Immutable, r.AtWarmed.Mutable,
			r.Warm.Elapsed.Seconds(), r.Cold.Elapsed.Seconds()/r.Warm.Elapsed.Seconds(), same)
	}
	return t.Flush()
}
