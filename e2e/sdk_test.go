package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// newSDK returns a client with the SDK's own defaults: checksums sent as trailers and
// checked on what is read.
func newSDK(t *testing.T, endpoint string) *s3.Client {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion(region),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")))
	if err != nil {
		t.Fatal(err)
	}
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.BaseEndpoint, o.UsePathStyle = aws.String(endpoint), true
	})
}

func TestSDKSeesTheSameThroughHearth(t *testing.T) {
	s := startSidecar(t, 0)
	sameSteps(t, sdkSteps(t, newSDK(t, store.Endpoint)), sdkSteps(t, newSDK(t, s.S3)))
}

// sdkSteps does with the SDK what programs do and says what it saw, a line a step.
func sdkSteps(t *testing.T, client *s3.Client) string {
	t.Helper()
	ctx, bucket := t.Context(), aws.String("sdk")
	var log strings.Builder
	say := func(step string, err error, facts ...any) {
		var api smithy.APIError
		switch {
		case err == nil:
			fmt.Fprintf(&log, "%s: %v\n", step, facts)
		case errors.As(err, &api):
			fmt.Fprintf(&log, "%s: %s\n", step, api.ErrorCode())
		default:
			fmt.Fprintf(&log, "%s: error\n", step)
			t.Errorf("%s: %v", step, err)
		}
	}
	_, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket})
	say("create bucket", err)

	body := bytes.Repeat([]byte("0123456789abcdef"), 9000)
	immutable := "t.lance/data/01101110001111111001011017c4cd44249bcaedea354c5053.lance"
	for _, key := range []string{"plain", immutable, "dir//double", "sp ace+plus%25"} {
		for _, algorithm := range append([]types.ChecksumAlgorithm{""}, types.ChecksumAlgorithm("").Values()[:5]...) {
			out, err := client.PutObject(ctx, &s3.PutObjectInput{
				Bucket: bucket, Key: &key, Body: bytes.NewReader(body), ChecksumAlgorithm: algorithm,
				Metadata: map[string]string{"owner": "sdk"}, ContentType: aws.String("x/y"),
			})
			say(fmt.Sprintf("put %s %s", key, algorithm), err, put(out))
			for _, part := range []*string{nil, aws.String("bytes=100-70000"), aws.String("bytes=-9"), aws.String("bytes=143990-")} {
				for range 2 { // from the origin, and then from the cache
					got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: &key, Range: part})
					say(fmt.Sprintf("get %s %s %s", key, algorithm, aws.ToString(part)), err, read(t, got)...)
				}
			}
			head, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
			if err == nil {
				say("head", nil, aws.ToString(head.ETag), aws.ToInt64(head.ContentLength), head.Metadata, aws.ToString(head.ChecksumCRC32),
					aws.ToString(head.ChecksumCRC32C), aws.ToString(head.ChecksumSHA256), aws.ToString(head.ChecksumCRC64NVME), aws.ToString(head.ContentType))
			} else {
				say("head", err)
			}
		}
	}
	_, err = client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("missing")})
	say("get missing", err)
	_, err = client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("missing")})
	say("head missing", err)
	_, err = client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("plain"), Body: strings.NewReader("x"), IfNoneMatch: aws.String("*")})
	say("put if absent", err)
	_, err = client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("plain"), IfMatch: aws.String(`"other"`)})
	say("get if match", err)

	say("multipart", multipart(ctx, client, bucket))
	got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("multi")})
	say("get multi", err, read(t, got)...)

	list, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket})
	if err == nil {
		var objects []types.ObjectIdentifier
		for _, o := range list.Contents {
			say("listed", nil, aws.ToString(o.Key), aws.ToInt64(o.Size), aws.ToString(o.ETag))
			objects = append(objects, types.ObjectIdentifier{Key: o.Key})
		}
		deleted, err := client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: objects}})
		say("delete objects", err, len(deleted.Deleted), len(deleted.Errors))
	} else {
		say("list", err)
	}
	_, err = client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: bucket})
	say("delete bucket", err)
	return log.String()
}

func put(out *s3.PutObjectOutput) string {
	if out == nil {
		return ""
	}
	return aws.ToString(out.ETag) + aws.ToString(out.ChecksumCRC32) + aws.ToString(out.ChecksumCRC32C) + aws.ToString(out.ChecksumSHA256) +
		aws.ToString(out.ChecksumSHA1) + aws.ToString(out.ChecksumCRC64NVME)
}

// read reads a body, checksums verified by the SDK, and returns what came with it.
func read(t *testing.T, out *s3.GetObjectOutput) []any {
	t.Helper()
	if out == nil {
		return nil
	}
	defer func() { _ = out.Body.Close() }()
	b, err := io.ReadAll(out.Body)
	if err != nil {
		t.Errorf("body: %v", err)
	}
	return []any{len(b), bytes.Count(b, []byte("f")), aws.ToString(out.ETag), aws.ToString(out.ContentRange), out.Metadata, aws.ToString(out.ContentType)}
}

func multipart(ctx context.Context, client *s3.Client, bucket *string) error {
	key := aws.String("multi")
	upload, err := client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: bucket, Key: key})
	if err != nil {
		return err
	}
	var parts []types.CompletedPart
	for n := int32(1); n <= 3; n++ {
		out, err := client.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: bucket, Key: key, UploadId: upload.UploadId, PartNumber: aws.Int32(n),
			Body: bytes.NewReader(bytes.Repeat([]byte{byte('a' + n)}, 5<<20)),
		})
		if err != nil {
			return err
		}
		parts = append(parts, types.CompletedPart{ETag: out.ETag, PartNumber: aws.Int32(n), ChecksumCRC32: out.ChecksumCRC32})
	}
	_, err = client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: bucket, Key: key, UploadId: upload.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	return err
}
