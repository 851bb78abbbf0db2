;;; pen-dataset-view-test.el --- What the preview of a training set looks like -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-dataset-testing)

(ert-deftest pen-dataset-view-test-shows-summary-table-and-findings ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (should (string-prefix-p
             (concat "puns 3-4    3 records (train 2, valid 1)\n"
                     "with prompt pun-complete\n\n"
                     "      ntokens   nwords    nchars              cost/epoch  4 epochs\n"
                     "mean        3        1         5    pen-tiny        0.00      0.00\n\n"
                     "! Weights do not fit (puns:4). Give one each.\n"
                     "! 1 duplicate\n\n")
             (pen-fixture-text)))
    (should (eq (pen-dataset-test-face-of "! Weights") 'pen-finding-error))
    (should (eq (pen-dataset-test-face-of "! 1 dup") 'pen-finding-warning))))

(ert-deftest pen-dataset-view-test-rows-show-text-weights-and-place-in-a-line ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (should (string-match-p "^  1         one↵two↵│three↵ +w 0.3/0.7  puns:3$"
                            (pen-fixture-text)))
    (should (string-match-p "^  2   valid <joke>│four +w 0/1  puns:4$" (pen-fixture-text)))
    (should (string-match-p "^… and 1 more in /tmp/plan-1$" (pen-fixture-text)))))

(ert-deftest pen-dataset-view-test-rows-begin-in-one-column ()
  (cl-flet ((columns ()
              (mapcar (lambda (text)
                        (goto-char (point-min))
                        (search-forward text)
                        (- (match-beginning 0) (line-beginning-position)))
                      '("one↵" "<joke>"))))
    (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
      (should (equal (columns) '(12 12)))
      (dolist (row (plist-get pen-dataset--plan :rows))
        (plist-put row :side 'train))
      (unwind-protect
          (progn (pen-dataset-draw)
                 (should (equal (columns) '(6 6)))) ; no side to tell apart takes no room
        (plist-put (nth 1 (plist-get pen-dataset--plan :rows)) :side 'valid)))))

(ert-deftest pen-dataset-view-test-weights-have-faces ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (should (eq (pen-dataset-test-face-of "one↵") 'pen-weight-part))
    (should (eq (pen-dataset-test-face-of "three↵") 'pen-weight-full))
    (should (eq (pen-dataset-test-face-of "<joke>") 'pen-weight-none))))

(ert-deftest pen-dataset-view-test-tab-shows-a-row-whole ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (goto-char (point-min))
    (search-forward "one↵")
    (pen-fixture-press "TAB")
    (should (string-match-p "puns:3\n      one\n      two\n      three\n" (pen-fixture-text)))
    (should (looking-at-p "  1         one"))
    (pen-fixture-press "TAB")
    (should-not (string-match-p "^      two" (pen-fixture-text)))))

(ert-deftest pen-dataset-view-test-the-way-to-launch-is-seen-wherever-one-scrolls ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (should (string-prefix-p "C-c C-c launch" header-line-format))))

(provide 'pen-dataset-view-test)
;;; pen-dataset-view-test.el ends here
