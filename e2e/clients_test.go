package e2e

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sameSteps compares what a client printed at the two endpoints, line by line, the names of
// the buckets aside.
func sameSteps(t *testing.T, direct, hearth string) {
	t.Helper()
	want, got := strings.Split(strings.TrimSpace(direct), "\n"), strings.Split(strings.TrimSpace(hearth), "\n")
	if len(want) < 10 {
		t.Fatalf("the client printed only %d lines:\n%s", len(want), direct)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("straight at the origin (-) and through Hearth (+):\n%s", diff)
	}
}

func TestBoto3SeesTheSameThroughHearth(t *testing.T) {
	python := tool(t, "python3", "HEARTH_E2E_PYTHON")
	if _, err := command(t, clientEnv(), python, "-c", "import boto3"); err != nil {
		missing(t, "boto3 is not installed for %s: %v", python, err)
	}
	s := startSidecar(t, 0)
	direct := must(t, clientEnv(), python, "testdata/boto3_ops.py", store.Endpoint, "boto3")
	hearth := must(t, clientEnv(), python, "testdata/boto3_ops.py", s.S3, "boto3")
	sameSteps(t, direct, hearth)
	if n := s.metric(t, "hearth_object_outcomes_total", `outcome="hit"`); n == 0 {
		t.Error("nothing was served from the cache")
	}
}

// A commandLine is a client that runs one command after another. $S3 in an argument stands
// for the bucket, $TMP for a folder, $URL for the endpoint.
type commandLine struct {
	program string
	env     []string
	global  []string // arguments before those of each command
	scrub   []string // regular expressions of what differs from run to run
}

// play runs the commands in a fresh folder and returns what they printed and left there.
func (c commandLine) play(t *testing.T, endpoint, bucket string, commands [][]string) string {
	t.Helper()
	dir := t.TempDir()
	writeTree(t, dir)
	if err := os.Mkdir(filepath.Join(dir, "down"), 0o700); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("$S3", bucket, "$TMP", dir, "$URL", endpoint, "$HOST", strings.TrimPrefix(endpoint, "http://"))
	var log strings.Builder
	for _, command := range commands {
		var args []string
		for _, arg := range append(append([]string(nil), c.global...), command...) {
			args = append(args, fill.Replace(arg))
		}
		cmd := exec.CommandContext(t.Context(), c.program, args...)
		cmd.Dir = dir
		for _, variable := range c.env {
			cmd.Env = append(cmd.Env, fill.Replace(variable))
		}
		out, err := cmd.CombinedOutput()
		text := strings.NewReplacer(dir, "$TMP", endpoint, "$URL").Replace(string(out))
		for _, pattern := range c.scrub {
			text = regexp.MustCompile(pattern).ReplaceAllString(text, "")
		}
		fmt.Fprintf(&log, "$ %s\n%s", strings.Join(command, " "), sortedLines(text))
		if err != nil {
			fmt.Fprintf(&log, "%v\n", err)
		}
	}
	log.WriteString(treeDigest(t, dir))
	return log.String()
}

// sortedLines puts lines in order: transfers that run at once finish in any.
func sortedLines(s string) string {
	if s == "" {
		return ""
	}
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(s, "\r", "\n"), "\n"), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

// writeTree makes the files that command lines upload.
func writeTree(t *testing.T, dir string) {
	t.Helper()
	for name, size := range map[string]int{
		"up/small.txt": 11, "up/empty": 0, "up/a b+c&d=e.txt": 999, "up/deep/er/üñí-文字": 70_000, "up/big.bin": 20 << 20,
		"up/items.lance/data/01101110001111111001011017c4cd44249bcaedea354c5053.lance": 300_000,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		content := make([]byte, size)
		random := rand.New(rand.NewPCG(uint64(size), 1))
		for i := range content {
			content[i] = byte(random.Uint32())
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// treeDigest lists the files that downloads left, with their hashes.
func treeDigest(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(filepath.Join(dir, "down"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		fmt.Fprintf(&b, "%s %d %x\n", name, len(content), sha256.Sum256(content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// compare plays the commands at both endpoints; failures says how many of them are meant to
// fail.
func (c commandLine) compare(t *testing.T, bucket string, failures int, commands [][]string) {
	t.Helper()
	s := startSidecar(t, 0)
	direct := c.play(t, store.Endpoint, bucket, commands)
	t.Log(direct)
	if n := strings.Count(direct, "exit status"); n != failures {
		t.Errorf("straight at the origin %d commands failed, want %d", n, failures)
	}
	sameSteps(t, direct, c.play(t, s.S3, bucket, commands))
}

func TestAWSCommandLineSeesTheSameThroughHearth(t *testing.T) {
	commandLine{
		program: tool(t, "aws", "HEARTH_E2E_AWS"), env: clientEnv(),
		global: []string{"--endpoint-url", "$URL", "--no-cli-pager"},
		scrub:  []string{`(?m),$`, `\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\S*`, `Completed .*`, `(?m)^.*"LastModified".*$`, `(?m)^.*"(VersionId|UploadId)".*$`, `\(reached max retries: \d+\)`},
	}.compare(t, "aws-cli", 2, [][]string{
		{"s3", "mb", "s3://$S3"},
		{"s3", "cp", "--no-progress", "--recursive", "$TMP/up", "s3://$S3/tree"},
		{"s3", "ls", "--recursive", "s3://$S3"},
		{"s3", "ls", "s3://$S3/tree/"},
		{"s3", "cp", "--no-progress", "--recursive", "s3://$S3/tree", "$TMP/down/one"},
		{"s3", "sync", "--no-progress", "s3://$S3/tree", "$TMP/down/two"},
		{"s3", "sync", "--no-progress", "s3://$S3/tree", "$TMP/down/two"},
		{"s3", "cp", "--no-progress", "s3://$S3/tree/big.bin", "s3://$S3/copy.bin"},
		{"s3", "mv", "--no-progress", "s3://$S3/tree/small.txt", "s3://$S3/moved.txt"},
		{"s3", "cp", "--no-progress", "s3://$S3/copy.bin", "$TMP/down/copy.bin"},
		{"s3api", "head-object", "--bucket", "$S3", "--key", "copy.bin"},
		{"s3api", "get-object", "--bucket", "$S3", "--key", "copy.bin", "--range", "bytes=100-299", "$TMP/down/range"},
		{"s3api", "put-object", "--bucket", "$S3", "--key", "meta", "--metadata", "owner=me,purpose=test", "--content-type", "x/y", "--body", "$TMP/up/empty"},
		{"s3api", "head-object", "--bucket", "$S3", "--key", "meta"},
		{"s3api", "get-object-attributes", "--bucket", "$S3", "--key", "meta", "--object-attributes", "ETag", "ObjectSize"},
		{"s3api", "head-object", "--bucket", "$S3", "--key", "missing"},
		{"s3api", "get-object", "--bucket", "$S3", "--key", "missing", "$TMP/down/missing"},
		{"s3api", "list-objects-v2", "--bucket", "$S3", "--delimiter", "/"},
		{"s3api", "get-bucket-location", "--bucket", "$S3"},
		{"s3", "rm", "--recursive", "s3://$S3"},
		{"s3", "ls", "s3://$S3"},
		{"s3", "rb", "s3://$S3"},
	})
}

func TestS3cmdSeesTheSameThroughHearth(t *testing.T) {
	commandLine{
		program: tool(t, "s3cmd", "HEARTH_E2E_S3CMD"), env: clientEnv("HOME=$TMP"),
		global: []string{
			"--no-progress", "--no-ssl", "--host", "$HOST", "--host-bucket", "$HOST", "--access_key", accessKey, "--secret_key", secretKey,
			"--region", region, "--multipart-chunk-size-mb", "5",
		},
		scrub: []string{`\d{4}-\d\d-\d\d \d\d:\d\d`, `in \d.*`, `Last mod:.*`, `\d+(\.\d+)? .?B/s`, `s3cmd-attrs:.*`, `(?m)^WARNING: .*$`},
	}.compare(t, "s3cmd", 1, [][]string{
		{"mb", "s3://$S3"},
		{"put", "--recursive", "$TMP/up/", "s3://$S3/tree/"},
		{"ls", "--recursive", "s3://$S3"},
		{"la"},
		{"get", "--recursive", "s3://$S3/tree/", "$TMP/down/"},
		{"info", "s3://$S3/tree/big.bin"},
		{"cp", "s3://$S3/tree/small.txt", "s3://$S3/copy.txt"},
		{"mv", "s3://$S3/copy.txt", "s3://$S3/moved.txt"},
		{"get", "s3://$S3/moved.txt", "$TMP/down/moved.txt"},
		{"du", "s3://$S3"},
		{"get", "s3://$S3/missing", "$TMP/down/missing"},
		{"del", "--recursive", "--force", "s3://$S3"},
		{"rb", "s3://$S3"},
	})
}

func TestRcloneSeesTheSameThroughHearth(t *testing.T) {
	commandLine{
		program: tool(t, "rclone", "HEARTH_E2E_RCLONE"),
		env: clientEnv("HOME=$TMP", "RCLONE_CONFIG=$TMP/rclone.conf", "RCLONE_CONFIG_H_TYPE=s3", "RCLONE_CONFIG_H_PROVIDER=Other",
			"RCLONE_CONFIG_H_ENV_AUTH=true", "RCLONE_CONFIG_H_ENDPOINT=$URL", "RCLONE_CONFIG_H_REGION="+region, "RCLONE_LOW_LEVEL_RETRIES=1", "RCLONE_RETRIES=1",
			"RCLONE_S3_CHUNK_SIZE=5Mi", "RCLONE_S3_UPLOAD_CUTOFF=6Mi"),
		scrub: []string{`\d{4}[-/]\d\d[-/]\d\d \d\d:\d\d:\d\d(\.\d+)?`, `(?m)^.*NOTICE: Config file.*$`},
	}.compare(t, "rclone", 0, [][]string{
		{"mkdir", "h:$S3"},
		{"copy", "$TMP/up", "h:$S3/tree"},
		{"lsl", "h:$S3"},
		{"lsf", "--format", "psh", "-R", "h:$S3/tree"},
		{"copy", "h:$S3/tree", "$TMP/down/one"},
		{"check", "$TMP/up", "h:$S3/tree"},
		{"check", "--download", "$TMP/up", "h:$S3/tree"},
		{"sync", "h:$S3/tree", "h:$S3/second"},
		{"copyto", "h:$S3/tree/small.txt", "h:$S3/copy.txt"},
		{"moveto", "h:$S3/copy.txt", "h:$S3/moved.txt"},
		{"cat", "--offset", "3", "--count", "5", "h:$S3/moved.txt"},
		{"cat", "--multi-thread-streams", "4", "h:$S3/second/deep/er/üñí-文字"},
		{"size", "h:$S3"},
		{"hashsum", "md5", "h:$S3/tree"},
		{"cat", "h:$S3/missing"},
		{"purge", "h:$S3"},
	})
}
