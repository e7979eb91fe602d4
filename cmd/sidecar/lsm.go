package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hearthcache/hearth/internal/config"
	"github.com/hearthcache/hearth/internal/engine"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/lsm/filter"
)

func (p *process) lsmCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lsm",
		Short: "Query Lance tables together with their flushed generations, and write to them",
		Long: `Answers queries on a table as LanceDB would: from the base table and every published
generation, the newest row of each key winning. Rows that a writer has not flushed
are not seen, but for those that the Hearth asked with --admin has itself
acknowledged. Writes rows as LanceDB's LSM writers do, too.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.lsmGetCommand(), p.lsmScanCommand(), p.lsmSearchCommand(), p.lsmInspectCommand(),
		p.lsmCreateCommand(), p.lsmPutCommand(), p.lsmDeleteCommand(), p.lsmFlushCommand())
	return cmd
}

// lsmHelp says where tables are read.
const lsmHelp = `
With --admin the query runs in the Hearth whose admin listener is there, on what that
has decoded and cached; the path is s3://BUCKET/TABLE then. Without, this process
reads the table itself: a directory, or s3://BUCKET/TABLE at the origin that serve
would use (flags, HEARTH_ variables and the YAML file count as they do for serve), or
with --endpoint through a running Hearth.`

// lsmFlags are what the commands share.
type lsmFlags struct {
	lanceFlags
	admin    adminFlags
	columns  string
	baseOnly bool
	format   string
	explain  bool
	maxAge   time.Duration
	timeout  time.Duration
}

// lsmStoreFlags adds the flags that say where a table is read, last.
func (p *process) lsmStoreFlags(cmd *cobra.Command, f *lsmFlags) {
	fs := cmd.Flags()
	fs.DurationVar(&f.timeout, "timeout", 0, "give up after this long; 0 means never, or with --admin the server's own limit")
	fs.StringVar(&f.admin.address, "admin", "", "host:port or URL of the admin listener of the Hearth that answers")
	fs.DurationVar(&f.maxAge, "max-age", 0, "how old the state may be that the answer shows; for --admin")
	fs.StringVar(&f.admin.token, "token", "", "bearer token of the admin API ["+config.EnvName("admin-token")+"]")
	fs.StringVar(&f.admin.tokenFile, "token-file", "", "file that holds the token ["+config.EnvName("admin-token-file")+"]")
	f.addStore(cmd)
}

// The forms of rows on the command line.
const (
	formatTable = "table"
	formatJSON  = "json"
	formatCSV   = "csv"
	formatArrow = "arrow"
)

// lsmRowFlags adds the flags of commands that print rows.
func (p *process) lsmRowFlags(cmd *cobra.Command) *lsmFlags {
	f := &lsmFlags{}
	fs := cmd.Flags()
	fs.StringVar(&f.columns, "columns", "", "comma-separated top-level columns in the order wanted; empty for all")
	fs.BoolVar(&f.baseOnly, "base-only", false, "leave the generations out")
	fs.StringVar(&f.format, "format", formatTable, "table, json (an object a line), csv or arrow (an IPC stream)")
	fs.BoolVar(&f.explain, "explain", false, "print how the query is answered instead of its rows; with --format json as JSON")
	return f
}

// run answers a request and prints the answer.
func (f *lsmFlags) run(p *process, cmd *cobra.Command, arg string, r engine.Request) error {
	switch f.format {
	case formatTable, formatJSON, formatCSV, formatArrow:
	default:
		return usage(cmd, fmt.Errorf("--format: %q is not table, json, csv or arrow", f.format))
	}
	if f.explain && f.format != formatTable && f.format != formatJSON {
		return usage(cmd, errors.New("--explain: a plan is printed as a table or as json"))
	}
	r.Columns = splitNames(f.columns)
	r.Timeout, r.BaseOnly = f.timeout, f.baseOnly
	source, err := f.open(p, cmd, arg)
	if err != nil {
		return about(arg, err)
	}
	defer source.close()
	if f.explain {
		rep, err := source.explain(cmd.Context(), r)
		if err != nil {
			return about(arg, plain(err))
		}
		return pipe(cmd, func(w io.Writer) error { return writeReport(w, f.format, rep) })
	}
	return about(arg, plain(pipe(cmd, func(w io.Writer) error {
		out := &rowsOutput{w: w, format: f.format, keys: len(r.Keys)}
		if err := source.rows(cmd.Context(), r, out); err != nil {
			return err
		}
		return out.close()
	})))
}

// open finds what answers.
func (f *lsmFlags) open(p *process, cmd *cobra.Command, arg string) (lsmSource, error) {
	if f.admin.address != "" {
		if err := s3Path(cmd, arg); err != nil {
			return nil, err
		}
		client, err := f.admin.open(p, cmd)
		if err != nil {
			return nil, err
		}
		return &remoteEngine{client, strings.Trim(strings.TrimPrefix(arg, "s3://"), "/"), f.maxAge}, nil
	}
	target, err := f.openTable(p, cmd, arg)
	if err != nil {
		return nil, err
	}
	e, err := engine.New(target.store, engine.Options{Timeout: longest})
	if err != nil {
		target.close()
		return nil, err
	}
	return &localEngine{e, target}, nil
}

// longest bounds a query that nobody else bounds.
const longest = 10 * 365 * 24 * time.Hour

// openTable finds the store of a table. It is rooted above the table.
func (f *lsmFlags) openTable(p *process, cmd *cobra.Command, arg string) (*lanceTarget, error) {
	if strings.HasPrefix(arg, "s3://") {
		if _, key, _ := strings.Cut(strings.TrimPrefix(arg, "s3://"), "/"); strings.Trim(key, "/") == "" {
			return nil, usage(cmd, fmt.Errorf("%q is a bucket, not a table", arg))
		}
		return f.lanceFlags.open(cmd.Context(), p, cmd, arg)
	}
	if arg == "" {
		return nil, usage(cmd, errors.New("the path is empty"))
	}
	if !filepath.IsAbs(arg) {
		arg = filepath.Join(p.dir, arg)
	}
	name, err := filepath.Abs(arg)
	if err == nil {
		name, err = filepath.EvalSymlinks(name)
	}
	if cause, ok := errors.AsType[*os.PathError](err); ok {
		return nil, cause.Err // the path is named anyway
	}
	if err != nil {
		return nil, err
	}
	return dirTarget(filepath.Dir(name), filepath.Base(name))
}

// plain is an error without the path of the table in front, which is said anyway.
func plain(err error) error {
	if x, ok := errors.AsType[*engine.Invalid](err); ok {
		return fmt.Errorf("%s: %s", x.Field, x.Message)
	}
	if at, ok := errors.AsType[*filter.Error](err); ok {
		return at
	}
	if errors.Is(err, lsm.ErrNotFound) {
		return fmt.Errorf("there is no table here: %w", err)
	}
	return err
}

// splitNames takes a list apart that is separated by commas.
func splitNames(list string) (names []string) {
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

func (p *process) lsmGetCommand() *cobra.Command {
	var f *lsmFlags
	cmd := &cobra.Command{
		Use:   "get TABLE KEY...",
		Short: "Print the rows with some primary keys",
		Long: `Prints the rows that have the primary keys, in their order. A key is the value as it
is printed; where the primary key has several columns it is a JSON array in their
order, such as '["eu", 17]', or an object, such as '{"region": "eu", "id": 17}'.
` + lsmHelp,
		Example: `  sidecar lsm get db/items.lance id-000800 id-000801
  sidecar lsm get s3://lake/orders.lance '["eu", 17]' --columns total --format json
  sidecar lsm get s3://lake/items.lance id-000800 --explain --admin 127.0.0.1:9001`,
		Args: args(cobra.MinimumNArgs(2)),
		RunE: func(cmd *cobra.Command, a []string) error {
			r := engine.Request{Kind: engine.Get}
			for _, key := range a[1:] {
				quoted, err := json.Marshal(key)
				if err != nil {
					return err
				}
				r.Keys = append(r.Keys, quoted)
			}
			return f.run(p, cmd, a[0], r)
		},
	}
	f = p.lsmRowFlags(cmd)
	p.lsmStoreFlags(cmd, f)
	return cmd
}

func (p *process) lsmScanCommand() *cobra.Command {
	var f *lsmFlags
	r := engine.Request{Kind: engine.Scan}
	cmd := &cobra.Command{
		Use:   "scan TABLE",
		Short: "Print the rows that pass a filter",
		Long: `Prints the visible rows: those of the newest generation first, the base table's last.
A filter compares columns with values and combines that with AND, OR, NOT, IN,
BETWEEN, LIKE and IS NULL, as SQL does.
` + lsmHelp,
		Example: `  sidecar lsm scan db/items.lance --filter "n < 100 AND text LIKE '%river%'" --columns id,n --limit 20
  sidecar lsm scan s3://lake/items.lance --format arrow --endpoint http://127.0.0.1:9000 >items.arrow`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error { return f.run(p, cmd, a[0], r) },
	}
	f = p.lsmRowFlags(cmd)
	cmd.Flags().StringVar(&r.Filter, "filter", "", "which rows, such as \"n < 100\"; empty for all")
	cmd.Flags().Int64Var(&r.Limit, "limit", 0, "most rows to print; 0 for all")
	p.lsmStoreFlags(cmd, f)
	return cmd
}

func (p *process) lsmSearchCommand() *cobra.Command {
	var f *lsmFlags
	r := engine.Request{Kind: engine.Search}
	var query, vector string
	cmd := &cobra.Command{
		Use:   "search TABLE --column COLUMN --match TEXT | --phrase TEXT | --query JSON | --vector JSON",
		Short: "Print the rows that match a text best, or are nearest to a vector",
		Long: `Prints the K best rows, best first, with their score or distance as last column.

  --match    words, any of them or with --operator and all of them
  --phrase   words side by side, with up to --slop others in between
  --query    a query of several parts, such as
             {"boolean": {"must": [{"match": {"text": "river"}}],
                          "must_not": [{"phrase": {"text": "river bank"}}]}}
  --vector   numbers, such as [0.1, 0.2, ...]; @FILE reads them from a file, @- from
             standard input

Text scores rest on figures of all visible rows together. --statistics source takes
those of each generation and of the base by itself, as LanceDB does.
` + lsmHelp,
		Example: `  sidecar lsm search db/items.lance --column text --match "river bank" --k 5
  sidecar lsm search s3://lake/items.lance --column vector --vector @query.json --filter "n < 100" --admin 127.0.0.1:9001`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			r.Query = []byte(query)
			if vector != "" {
				text, err := p.textOrFile(vector)
				if err != nil {
					return err
				}
				if err := json.Unmarshal(text, &r.Vector); err != nil {
					return usage(cmd, fmt.Errorf("--vector: not a JSON array of numbers: %w", err))
				}
			}
			if query != "" && !json.Valid(r.Query) {
				return usage(cmd, errors.New("--query: not JSON"))
			}
			return f.run(p, cmd, a[0], r)
		},
	}
	f = p.lsmRowFlags(cmd)
	fs := cmd.Flags()
	fs.StringVar(&r.Column, "column", "", "the column to search")
	fs.StringVar(&r.Match, "match", "", "words to look for")
	fs.StringVar(&r.Operator, "operator", "", "or: any of the words (default); and: all of them")
	fs.StringVar(&r.Phrase, "phrase", "", "words to look for side by side")
	fs.Uint32Var(&r.Slop, "slop", 0, "how many other words may stand between those of the phrase")
	fs.StringVar(&query, "query", "", "a text query of several parts, as JSON")
	fs.StringVar(&vector, "vector", "", "what to be near to, as JSON, or @FILE")
	fs.StringVar(&r.Metric, "metric", "", "distance: l2, cosine or dot; empty for that of the index")
	fs.BoolVar(&r.Exact, "exact", false, "compare with every vector, whatever indexes there are")
	fs.IntVar(&r.Ef, "ef", 0, "how many candidates a search of a graph keeps; 0 for a default")
	fs.IntVar(&r.Refine, "refine", 0, "how many candidates for each result are compared exactly; 0 for a default")
	fs.IntVar(&r.K, "k", 0, "how many rows; 0 for 10")
	fs.StringVar(&r.Filter, "filter", "", "which rows, such as \"n < 100\"; empty for all")
	fs.StringVar(&r.Statistics, "statistics", "", "what text scores rest on: global (default) or source")
	p.lsmStoreFlags(cmd, f)
	return cmd
}

// maxArgument bounds an argument that comes from a file.
const maxArgument = 16 << 20

// textOrFile is an argument, or with @ in front what is in a file.
func (p *process) textOrFile(arg string) ([]byte, error) {
	name, isFile := strings.CutPrefix(arg, "@")
	switch {
	case !isFile:
		return []byte(arg), nil
	case name == "-":
		return io.ReadAll(io.LimitReader(p.stdin, maxArgument))
	case !filepath.IsAbs(name):
		name = filepath.Join(p.dir, name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, maxArgument))
}
