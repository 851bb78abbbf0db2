;;; pen-dataset-rendering-test.el --- How a row is rendered -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-dataset-testing)

(ert-deftest pen-dataset-rendering-test-p-shows-how-a-row-is-rendered ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (goto-char (point-min))
    (search-forward "one↵")
    (pen-fixture-press "P")
    (with-current-buffer "*pen-rendering*"
      (should word-wrap)
      (should (string-prefix-p "Row 1, trained on, from puns:3, by the definition pun-complete.\n"
                               (pen-fixture-text)))
      (should (string-match-p "^text 1: weight 0.3, 4 tokens\none↵\ntwo↵\n" (pen-fixture-text)))
      (should (eq (pen-dataset-test-face-of "three") 'pen-weight-full))
      (kill-buffer))
    (should (equal (pen-dataset--visible "  a \n b ") "··a ↵\n b·"))))

(provide 'pen-dataset-rendering-test)
;;; pen-dataset-rendering-test.el ends here
