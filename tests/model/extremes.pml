/* Extremes of an interval in two tagged slots: probe/sample.cc (Widen, WidenExtremes),
 * agent/differ.cc (AddExtremes), agent/producer.cc (Copy, PublishTails: when the interval advances).
 *
 * One lane, maxima only (minima are their mirror). The writer may stop anywhere for any number of
 * intervals; commits may fail. Every record's value must have been reported in the end.
 *
 * MUTATE 1: the writer does not look at the interval again. 2: the interval advances before the
 * commit when the interval before was committed: its late extremes were not.
 */
#ifndef MUTATE
#define MUTATE 0
#endif

#define RECORDS 3
#define VALUES 2
#ifdef RINGSIDE_LONG
#define LAST_INTERVAL 5
#define FAILURES 2
#else
#define LAST_INTERVAL 4
#define FAILURES 1
#endif

byte control;  /* the interval's number */
byte tag[2];   /* interval + 1 */
byte max[2];
bool has_ended;
byte recorded_max;
byte reported_max;

inline Widen(interval) {
  slot = interval & 1;
  if
  :: tag[slot] < interval + 1 ->
     max[slot] = value;
     tag[slot] = interval + 1;
     is_wider = true
  :: else ->
     is_wider = value > max[slot];
     if
     :: is_wider -> max[slot] = value
     :: else -> skip
     fi
  fi
}

active proctype Writer() {
  byte i, value, interval, now, slot, tries;
  bool is_wider;
  for (i : 1 .. RECORDS) {
    select(value : 1 .. VALUES);
    interval = control;
    if
    :: tag[interval & 1] == interval + 1 && value <= max[interval & 1] -> skip
    :: else ->
       tries = 0;
       do
       :: tries < 3 ->
          Widen(interval);
          if
          :: !is_wider -> break
          :: else -> skip
          fi;
#if MUTATE == 1
          break;
#endif
          now = control;  /* behind a full fence */
          if
          :: now == interval -> break
          :: else -> interval = now; tries++
          fi
       :: else -> break
       od
    fi;
    if
    :: value > recorded_max -> recorded_max = value
    :: else -> skip
    fi
  }
  has_ended = true
}

active proctype Agent() {
  byte copied_tag[2], copied_max[2], old_tag[2], old_max[2];
  byte interval, valid_tag, failures, i, news;
  bool is_later = true, is_last;
  control = 1;  /* attach */
  do
  :: control < LAST_INTERVAL || has_ended ->
     is_last = has_ended;
     interval = control;
     /* TakeSnapshot: word by word, while the writer runs. */
     copied_tag[0] = tag[0];
     copied_max[0] = max[0];
     copied_tag[1] = tag[1];
     copied_max[1] = max[1];
#if MUTATE == 2
     is_later = valid_tag < interval;
     if
     :: !is_later && control < LAST_INTERVAL -> control++
     :: else -> skip
     fi;
#endif
     news = 0;
     for (i : 0 .. 1) {
       if
       :: copied_tag[i] != 0 &&
          (copied_tag[i] != old_tag[i] || copied_max[i] != old_max[i]) &&
          copied_max[i] > news -> news = copied_max[i]
       :: else -> skip
       fi
     }
     if
     :: failures < FAILURES && !is_last -> failures++  /* the commit failed */
     :: d_step {
          if
          :: news > reported_max -> reported_max = news
          :: else -> skip
          fi;
          old_tag[0] = copied_tag[0];
          old_max[0] = copied_max[0];
          old_tag[1] = copied_tag[1];
          old_max[1] = copied_max[1];
          valid_tag = interval + 1
        }
        if
        :: is_later && control < LAST_INTERVAL -> control++  /* PublishTails */
        :: else -> skip
        fi
     fi;
     if
     :: is_last -> break
     :: else -> skip
     fi
  :: control == LAST_INTERVAL && !has_ended -> has_ended
  od;
  assert(reported_max == recorded_max);
#ifdef REACH
  assert(false)
#endif
}
