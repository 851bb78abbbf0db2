;;; pen-compare-round.el --- Rounds of a comparison and their score -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; In each round two models continue the same prompt with the same seed, and
;; somebody votes.  What the votes say, as words, an org table and a plist.

;;; Code:

(require 'cl-lib)
(require 'seq)
(require 'subr-x)
(require 'pen-org)

;;;; Internal variables

(cl-defstruct (pen-compare-round (:constructor pen-compare-round-make) (:copier nil))
  "One round: SEED of both, TEXTS of base and tuned, and who is on the left.
ENDED counts the models that have ended, STREAMS are the requests.
VOTE is `base', `tuned', `tie' or nil; FAILED a sentence or nil."
  seed (texts (list "" "")) swapped (ended 0) streams vote failed)

;;;; Functions

(defun pen-compare-rounds--count (rounds vote)
  "Return how many of ROUNDS got VOTE."
  (seq-count (lambda (round) (eq (pen-compare-round-vote round) vote)) rounds))

(defun pen-compare-rounds--rate (rounds)
  "Return how often tuned won among the votes of ROUNDS; a tie is half a win."
  (let ((votes (seq-count #'pen-compare-round-vote rounds)))
    (and (> votes 0)
         (/ (+ (pen-compare-rounds--count rounds 'tuned)
               (* 0.5 (pen-compare-rounds--count rounds 'tie)))
            votes))))

(defun pen-compare-rounds-score (rounds)
  "Return the score of ROUNDS in words."
  (if-let ((rate (pen-compare-rounds--rate rounds)))
      (format "tuned %d, base %d, ties %d: win rate %d %%"
              (pen-compare-rounds--count rounds 'tuned) (pen-compare-rounds--count rounds 'base)
              (pen-compare-rounds--count rounds 'tie) (round (* 100 rate)))
    "no votes yet"))

(defun pen-compare-rounds-table (models rounds)
  "Return ROUNDS between MODELS, oldest first, as an org table."
  (concat
   (format "| round | seed | %s | %s | better |\n|-\n"
           (pen-org-cell (car models)) (pen-org-cell (cadr models)))
   (string-join
    (seq-map-indexed
     (lambda (round index)
       (format "| %d | %d | %s | %s | %s |\n" (1+ index) (pen-compare-round-seed round)
               (pen-org-cell (nth 0 (pen-compare-round-texts round)))
               (pen-org-cell (nth 1 (pen-compare-round-texts round)))
               (or (pen-compare-round-vote round) "")))
     rounds))
   (format "|-\n| win rate | | | %s | %s |\n"
           (if-let ((rate (pen-compare-rounds--rate rounds))) (format "%d %%" (round (* 100 rate))) "")
           (pen-compare-rounds-score rounds))))

(defun pen-compare-rounds-plist (prompt models rounds)
  "Return ROUNDS of PROMPT between MODELS, oldest first, as a plist."
  (list :prompt prompt :models models
        :wins (pen-compare-rounds--count rounds 'tuned) :losses (pen-compare-rounds--count rounds 'base)
        :ties (pen-compare-rounds--count rounds 'tie) :win-rate (pen-compare-rounds--rate rounds)
        :rounds (mapcar (lambda (round)
                          (list :seed (pen-compare-round-seed round)
                                :base (nth 0 (pen-compare-round-texts round))
                                :tuned (nth 1 (pen-compare-round-texts round))
                                :better (pen-compare-round-vote round)))
                        rounds)
        :table (pen-compare-rounds-table models rounds)))

(provide 'pen-compare-round)
;;; pen-compare-round.el ends here
