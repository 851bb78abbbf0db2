;;; pen-dataset-menu-test.el --- Every option in the menu -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-dataset-testing)
(require 'pen-dataset-menu)

(ert-deftest pen-dataset-menu-test-has-every-option-once ()
  (let ((text (with-temp-buffer
                (insert-file-contents (locate-library "pen-dataset-menu.el"))
                (search-forward "\n(pen-dataset-menu--prefix")
                (buffer-substring (point) (point-max))))
        (start 0) keys options)
    (while (string-match "(\"\\(-.\\)\" \\(:[a-z-]+\\))" text start)
      (setq start (match-end 0))
      (push (match-string 1 text) keys)
      (push (intern (match-string 2 text)) options))
    (should (equal (sort options #'string<)
                   (sort (mapcar #'car pen-dataset-all-options) #'string<)))
    (should (equal (length keys) (length (delete-dups (copy-sequence keys)))))))

(ert-deftest pen-dataset-menu-test-a-command-sets-its-option-and-builds-nothing-yet ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-good-plan))
    (cl-letf (((symbol-function 'read-string) (lambda (&rest _) "0.1")))
      (pen-dataset-menu-learning-rate-multiplier))
    (cl-letf (((symbol-function 'completing-read) (lambda (&rest _) "linear")))
      (pen-dataset-menu-schedule))
    (should (string-match-p "^with prompt pun-complete, learning-rate-multiplier 0.1, schedule linear$"
                            (pen-fixture-text)))
    (should (equal (substring-no-properties (pen-dataset-menu--describe :schedule)) "schedule linear"))
    (should (= 1 (cl-count "datasets-plan" pen-rpc-fake-calls :key #'car :test #'equal)))
    (pen-dataset-menu-done)
    (pen-rpc-fake-settle)
    (should (equal (plist-get (pen-rpc-fake-last "datasets-plan") :learning-rate-multiplier) 0.1))
    (pen-fixture-press "C-c C-c")
    (pen-rpc-fake-settle)
    (should (equal (pen-rpc-fake-last "jobs-launch")
                   '(:plan "/tmp/plan-1" :learning-rate-multiplier 0.1 :schedule linear)))
    (kill-buffer "*pen-job ftjob-1*")))

(ert-deftest pen-dataset-menu-test-an-option-of-a-job-alone-needs-no-new-build ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-good-plan))
    (pen-dataset-set :schedule 'linear)
    (should-not (pen-dataset-stale-p))
    (pen-dataset-set :seed 3)
    (should (pen-dataset-stale-p))
    (pen-dataset-menu-clear)
    (should-not (pen-dataset-stale-p))
    (should (equal pen-dataset--arguments '(:prompt "pun-complete")))))

(ert-deftest pen-dataset-menu-test-options-of-a-job-are-refused-where-nothing-is-launched ()
  (pen-rpc-fake-with (pen-dataset-test-answer (pen-dataset-test-good-plan))
    (save-window-excursion
      (with-temp-buffer
        (insert "one\ntwo")
        (pen-dataset-region 1 8 :show t)
        (pen-rpc-fake-settle)
        (should-error (pen-dataset-menu-suffix) :type 'user-error)
        (kill-buffer)))))

(ert-deftest pen-dataset-menu-test-opens ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-good-plan))
    (unwind-protect
        (progn
          (pen-fixture-press "C-c C-o")
          (should (string-match-p "-n n-epochs"
                                  (with-current-buffer transient--buffer-name (pen-fixture-text)))))
      (transient-quit-one)
      (transient--emergency-exit))))

(provide 'pen-dataset-menu-test)
;;; pen-dataset-menu-test.el ends here
