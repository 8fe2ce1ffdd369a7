package redis

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/gatehouse-dev/gatehouse/internal/cluster/clustertest"
	"github.com/gatehouse-dev/gatehouse/internal/presence"
	"github.com/gatehouse-dev/gatehouse/internal/servertest"
)

// TestTLSAndPassword: both come with the URL.
func TestTLSAndPassword(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	s := servertest.NewRedis(t, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert,
		"--tls-auth-clients", "no", "--requirepass", "open-sesame")
	s.Start("--tls-port", fmt.Sprint(s.Port), "--port", "0")
	url := "rediss://:open-sesame@" + s.Addr() + "?skip_verify=true"
	nodes := lab(t, url, 2)
	nodes[0].Report("usr_1", "ses_1", 1)
	nodes[1].counts("usr_1", "ses_1", 1)
}

func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &secret.PublicKey, secret)
	if err != nil {
		t.Fatal(err)
	}
	secretDER, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", secretDER)
}

// startCluster starts a Redis Cluster of three primaries.
func startCluster(t *testing.T) (url string, primaries []*servertest.Redis) {
	t.Helper()
	cli := servertest.Need(t, "redis-cli")
	args := []string{"--cluster", "create"}
	for range 3 {
		s := servertest.StartRedis(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000",
			"--cluster-require-full-coverage", "no", "--cluster-port", fmt.Sprint(servertest.FreePort(t)))
		primaries = append(primaries, s)
		args = append(args, s.Addr())
	}
	if out, err := exec.Command(cli, append(args, "--cluster-yes")...).CombinedOutput(); err != nil {
		t.Fatalf("create cluster: %v\n%s", err, out)
	}
	url = fmt.Sprintf("redis://%s?addr=%s&addr=%s", primaries[0].Addr(), primaries[1].Addr(), primaries[2].Addr())
	for _, s := range primaries {
		clusterIsUp(t, s)
	}
	return url, primaries
}

func clusterIsUp(t *testing.T, s *servertest.Redis) {
	t.Helper()
	db := client(t, s.URL())
	servertest.Eventually(t, "the cluster is up", func() bool {
		info, err := db.ClusterInfo(t.Context()).Result()
		return err == nil && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3")
	})
}

// TestCluster: on a real Redis Cluster every script stays within a slot, and the suite passes.
func TestCluster(t *testing.T) {
	t.Parallel()
	url, primaries := startCluster(t)
	t.Run("suite", func(t *testing.T) { clustertest.Run(t, suite(url)) })
	t.Run("keys are spread", func(t *testing.T) {
		nodes := lab(t, url, 2)
		for i := range 200 {
			nodes[i%2].Report(fmt.Sprint("usr_", i), fmt.Sprint("ses_", i), 1)
		}
		nodes[0].totals(presence.Totals{Users: 200, Sessions: 200, Connections: 200})
		for _, s := range primaries {
			keys := client(t, s.URL()).Keys(t.Context(), "gatehouse:*:user:*").Val()
			if len(keys) < 20 || len(keys) > 150 {
				t.Errorf("%s has %d users of 200", s.Addr(), len(keys))
			}
		}
	})
}

// TestClusterLosesOneServersData: whichever it is, all is registered again.
func TestClusterLosesOneServersData(t *testing.T) {
	t.Parallel()
	url, primaries := startCluster(t)
	nodes := lab(t, url, 2)
	const sessions = 100
	for i := range sessions {
		nodes[i%2].Report(fmt.Sprint("usr_", i), fmt.Sprint("ses_", i), 1)
	}
	all := presence.Totals{Users: sessions, Sessions: sessions, Connections: sessions}
	nodes[0].totals(all)
	for i, s := range primaries {
		s.Kill()
		s.Start()
		clusterIsUp(t, s)
		db := client(t, s.URL())
		servertest.Eventually(t, fmt.Sprintf("server %d has its users again", i), func() bool {
			return len(db.Keys(t.Context(), "gatehouse:*:user:*").Val()) > 10
		})
		nodes[1].totals(all)
		for _, o := range nodes {
			servertest.Eventually(t, "healthy", o.Healthy)
		}
	}
}

// TestOrphans: the server with the leases loses them while a node dies. What it left elsewhere is reaped all the same.
func TestOrphans(t *testing.T) {
	t.Parallel()
	s := servertest.StartRedis(t)
	victim, p, rest := mortal(t, s.URL(), s.Addr(), 1)
	victim.Report("usr_1", "ses_1", 1)
	rest[0].Report("usr_1", "ses_2", 1)
	rest[0].totals(presence.Totals{Users: 1, Sessions: 2, Connections: 2})
	p.Sever(true)
	if err := client(t, s.URL()).Del(t.Context(), victim.names.leases(), victim.names.records()).Err(); err != nil {
		t.Fatal(err)
	}
	rest[0].totals(presence.Totals{Users: 1, Sessions: 1, Connections: 1})
	rest[0].counts("usr_1", "ses_2", 1)
}

// TestSentinel: through a failover everything goes on, with what came and left meanwhile.
func TestSentinel(t *testing.T) {
	t.Parallel()
	servertest.Need(t, "redis-sentinel")
	first := servertest.StartRedis(t)
	second := servertest.StartRedis(t, "--replicaof", "127.0.0.1 "+fmt.Sprint(first.Port), "--repl-diskless-sync-delay", "0")
	sentinel := startSentinel(t, first)
	replicated(t, second)
	url := fmt.Sprintf("redis://127.0.0.1:%d?master_name=house", sentinel)
	nodes := lab(t, url, 2)
	a, b := nodes[0], nodes[1]
	for i := range 20 {
		nodes[i%2].Report("usr_1", fmt.Sprint("ses_", i), 1)
	}
	a.totals(presence.Totals{Users: 1, Sessions: 20, Connections: 20})
	gaps := b.gapsTold()

	first.Kill()
	a.Report("usr_1", "ses_0", 0)
	a.Report("usr_2", "ses_new", 2)
	b.counts("usr_2", "ses_new", 2)
	a.totals(presence.Totals{Users: 2, Sessions: 20, Connections: 21})
	role := client(t, second.URL()).Do(t.Context(), "role").Val().([]any)[0]
	if role != "master" {
		t.Errorf("the replica is %v", role)
	}
	servertest.Eventually(t, "healthy", b.Healthy)
	if b.gapsTold() == gaps {
		t.Error("the owner was not told of the gap")
	}
	for i := 1; i < 20; i++ {
		if n := b.offlines(fmt.Sprint("ses_", i)); n > 0 {
			t.Errorf("ses_%d went offline", i)
		}
	}
	settle(t, a, b)
}

func startSentinel(t *testing.T, master *servertest.Redis) (port int) {
	t.Helper()
	port = servertest.FreePort(t)
	dir := t.TempDir()
	conf := filepath.Join(dir, "sentinel.conf")
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nlogfile %s/log\nsentinel monitor house 127.0.0.1 %d 1\n"+
		"sentinel down-after-milliseconds house 500\nsentinel failover-timeout house 5000\n", port, dir, dir, master.Port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := run(t, "redis-sentinel", conf)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	db := driver.NewSentinelClient(&driver.Options{Addr: fmt.Sprintf("127.0.0.1:%d", port)})
	t.Cleanup(func() { db.Close() })
	servertest.Eventually(t, "the sentinel knows the replica", func() bool {
		replicas, err := db.Replicas(t.Context(), "house").Result()
		return err == nil && len(replicas) == 1
	})
	return port
}

func replicated(t *testing.T, s *servertest.Redis) {
	t.Helper()
	db := client(t, s.URL())
	servertest.Eventually(t, "the replica follows", func() bool {
		return strings.Contains(db.Info(t.Context(), "replication").Val(), "master_link_status:up")
	})
}
