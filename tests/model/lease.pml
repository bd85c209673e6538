/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Phalanx Authors */
/*
 * The sequence lease, as small as it can be and still go wrong: 3 voters, one SA, up to 2 crashes.
 *
 *   node 0 owns the SA and writes leases (numbers) into its stream
 *   a voter stores a lease and acknowledges it, unless it has frozen the stream
 *   the owner uses numbers up to the highest lease that a majority stored
 *   node 1 may take over: it freezes the stream at itself, then at the others, collects a majority
 *   of reports, and begins above the highest lease reported
 *   a crashed voter comes back without memory; it counts for nothing until it has copied from the
 *   two others (levelling)
 *
 * Checked: the old owner, which may still run, never uses a number that the new one may use.
 * -DNO_FREEZE: a voter acknowledges although it has reported.  -DNO_QUORUM: the owner uses a lease
 * that it alone stored. -DNO_LEVEL: a restarted voter counts at once. -DLEVEL_ACKS: what it copied
 * counts as its acknowledgement (rule 9). Each must fail.
 */
#define N 3
#define MAX 3              /* leases the old owner may write */

byte stored[N];            /* highest lease held of the owner's stream */
bool frozen[N];
bool up[N] = true;
bool counts[N] = true;     /* has memory: its answers make quorums */
byte acked[N];             /* highest lease that v acknowledged to the owner */
bool reported[N];
byte report[N];

byte written = 0;          /* last lease in the owner's stream */
byte used = 0;             /* highest number the old owner used */
byte floor_ = 255;         /* what the new owner begins at; 255: no takeover */
byte crashes = 0;

#define AGREED(k) ((acked[0] >= k) + (acked[1] >= k) + (acked[2] >= k) >= 2)
#ifdef LEVEL_ACKS
#define LEVELLED(v) acked[v] = stored[v]
#else
#define LEVELLED(v) acked[v] = 0
#endif
#define SAFE (floor_ == 255 || used < floor_)

inline forget(v) {
  stored[v] = 0; frozen[v] = false; counts[v] = false; reported[v] = false; report[v] = 0;
}

/* The old owner. Its own store is part of the quorum. */
active proctype owner() {
  byte k;
  do
  :: up[0] && counts[0] && written < MAX && !frozen[0] -> atomic {
       if
       :: up[0] && counts[0] && !frozen[0] ->
          written++; stored[0] = written; acked[0] = written
       :: else
       fi
     }
  :: up[0] && counts[0] && used < written -> atomic {
       k = used + 1;
       if
#ifdef NO_QUORUM
       :: up[0] && counts[0] && k <= written -> used = k
#else
       :: up[0] && counts[0] && k <= written && AGREED(k) -> used = k
#endif
       :: else
       fi
     }
  :: timeout -> break
  od
}

/* Voters 1 and 2 store and acknowledge, in order. */
active [2] proctype voter() {
  byte v = _pid;
  do
  :: up[v] && counts[v] && up[0] && stored[v] < written -> atomic {
       if
#ifdef NO_FREEZE
       :: up[v] && counts[v] && up[0] && stored[v] < written ->
#else
       :: up[v] && counts[v] && up[0] && stored[v] < written && !frozen[v] ->
#endif
          stored[v] = stored[v] + 1;
          acked[v] = stored[v]
       :: else
       fi
     }
  /* After levelling: the owner hears anew how far this voter holds its stream. */
  :: atomic { up[v] && counts[v] && up[0] && !frozen[v] && acked[v] < stored[v] ->
       acked[v] = stored[v] }
  :: timeout -> break
  od
}

/* Node 1 takes over. It freezes itself first. */
active proctype master() {
  byte v;
  byte best;
  (up[1] && counts[1]);
  atomic {
    if
    :: up[1] && counts[1] -> frozen[1] = true; reported[1] = true; report[1] = stored[1]
    :: else
    fi
  }
  do
  :: atomic { up[0] && counts[0] && !reported[0] ->
       frozen[0] = true; reported[0] = true; report[0] = stored[0] }
  :: atomic { up[2] && counts[2] && !reported[2] ->
       frozen[2] = true; reported[2] = true; report[2] = stored[2] }
  :: atomic { up[1] && counts[1] && reported[1] && reported[0] + reported[1] + reported[2] >= 2 ->
       best = 0;
       v = 0;
       do
       :: v < N -> if :: reported[v] && report[v] > best -> best = report[v] :: else fi; v++
       :: v == N -> break
       od;
       floor_ = best + 1;
       break }
  :: timeout -> break
  od
}

/* Crashes lose memory. The old owner's process may live on: what it used stays used. */
active proctype fate() {
  byte v;
  do
  :: crashes < 2 ->
     select(v : 1 .. 2);
     atomic {
       if
       :: up[v] -> crashes++; up[v] = false; forget(v)
       :: else
       fi
     }
  :: !up[1] -> atomic { up[1] = true;
#ifdef NO_LEVEL
       counts[1] = true
#endif
     }
  :: !up[2] -> atomic { up[2] = true;
#ifdef NO_LEVEL
       counts[2] = true
#endif
     }
  /* Levelling: from the majority that does not count itself. Those who answer stop counting the
     old boot: its acknowledgements and reports end here. */
  :: atomic { up[1] && !counts[1] && up[0] && counts[0] && up[2] && counts[2] ->
       stored[1] = (stored[0] > stored[2] -> stored[0] : stored[2]);
       frozen[1] = frozen[0] || frozen[2];
       LEVELLED(1);
       counts[1] = true }
  :: atomic { up[2] && !counts[2] && up[0] && counts[0] && up[1] && counts[1] ->
       stored[2] = (stored[0] > stored[1] -> stored[0] : stored[1]);
       frozen[2] = frozen[0] || frozen[1];
       LEVELLED(2);
       counts[2] = true }
  :: timeout -> break
  od
}

/* Watches: able to move only when the promise is broken. */
active proctype monitor() {
end:
  !SAFE -> assert(false)
}
