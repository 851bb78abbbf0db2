;;; pen-compare-round-test.el --- What the votes of rounds say -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-compare-round)

(defun pen-compare-round-test--rounds (&rest votes)
  "Return a round for each of VOTES, with seeds from 1 on."
  (let ((seed 0))
    (mapcar (lambda (vote)
              (pen-compare-round-make :seed (setq seed (1+ seed)) :vote vote
                                      :texts (list (format "a|b %d" seed) "* tuned\nline")))
            votes)))

(ert-deftest pen-compare-round-test-a-tie-is-half-a-win-and-no-vote-counts-for-nothing ()
  (should (equal (pen-compare-rounds-score (pen-compare-round-test--rounds 'tuned 'tie nil 'base 'tie))
                 "tuned 1, base 1, ties 2: win rate 50 %"))
  (should (equal (pen-compare-rounds-score (pen-compare-round-test--rounds nil nil))
                 "no votes yet")))

(ert-deftest pen-compare-round-test-a-table-has-a-line-a-round-whatever-the-texts-hold ()
  (let ((lines (split-string (pen-compare-rounds-table
                              '("base" "ft:x") (pen-compare-round-test--rounds 'tuned nil))
                             "\n" t)))
    (should (= (length lines) 6))
    (should (equal (car lines) "| round | seed | base | ft:x | better |"))
    (should (string-match-p "\\`| 1 | 1 | .* | tuned |\\'" (nth 2 lines)))
    (should (string-match-p "win rate .* 100 %" (nth 5 lines)))))

(ert-deftest pen-compare-round-test-a-plist-says-who-won-and-what-each-wrote ()
  (let ((plist (pen-compare-rounds-plist
                "p" '("base" "ft:x") (pen-compare-round-test--rounds 'base 'tuned 'tuned))))
    (should (equal (list (plist-get plist :wins) (plist-get plist :losses) (plist-get plist :ties))
                   '(2 1 0)))
    (should (equal (mapcar (lambda (each) (plist-get each :better)) (plist-get plist :rounds))
                   '(base tuned tuned)))
    (should (= (plist-get plist :win-rate) (/ 2.0 3)))))

(provide 'pen-compare-round-test)
;;; pen-compare-round-test.el ends here
