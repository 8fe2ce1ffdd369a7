package local_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/cluster/clustertest"
	"github.com/gatehouse-dev/gatehouse/internal/cluster/local"
	"github.com/gatehouse-dev/gatehouse/internal/presence"
)

func TestSuite(t *testing.T) {
	clustertest.Run(t, func(*testing.T, int) []clustertest.Node {
		return []clustertest.Node{local.New(local.Config{Grace: clustertest.Grace})}
	})
}

// TestGraceEndsOnTime: every device goes offline exactly one grace after its last connection, by a single timer.
func TestGraceEndsOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := local.New(local.Config{Grace: 3 * time.Second})
		defer c.Close()
		start, gone := time.Now(), map[string]time.Duration{}
		c.OnChange(func(p presence.Change) {
			if !p.Online {
				gone[p.SessionID] = time.Since(start)
			}
		})
		for _, id := range []string{"ses_0", "ses_1", "ses_2"} {
			c.Report("usr_1", id, 1)
			c.Report("usr_1", id, 0)
			time.Sleep(time.Second)
		}
		c.Report("usr_1", "ses_2", 1) // at its first second of grace
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(gone) != 2 || gone["ses_0"] != 3*time.Second || gone["ses_1"] != 4*time.Second {
			t.Errorf("offline at %v, want ses_0 at 3s and ses_1 at 4s", gone)
		}
	})
}

// TestAnswersDoNotWaitForTheTimer: with a watcher that hangs, what is asked is still true to the moment.
func TestAnswersDoNotWaitForTheTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := local.New(local.Config{Grace: time.Second})
		hang := make(chan struct{})
		c.OnChange(func(presence.Change) { <-hang })
		c.Report("usr_1", "ses_a", 1)
		c.Report("usr_1", "ses_a", 0)
		time.Sleep(time.Second)
		if got, _ := c.Presence(t.Context(), "usr_1"); len(got) != 0 {
			t.Errorf("after the grace: %v", got)
		}
		close(hang)
		c.Close()
	})
}
