;;; pen-dataset-test.el --- The preview of a training set -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-dataset-testing)

;;;; The request

(ert-deftest pen-dataset-test-asks-with-the-region ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (should (equal (pen-rpc-fake-last "datasets-plan")
                   '(:text "one\ntwo\n" :source "puns" :reader "auto" :prompt "pun-complete")))))

(ert-deftest pen-dataset-test-opens-at-once-and-does-not-wait ()
  (pen-rpc-fake-with '(("datasets-plan" hang))
    (pen-fixture-quickest
     0.1 (lambda ()
           (save-window-excursion
             (with-temp-buffer
               (insert "one")
               (prog1 (pen-fixture-time #'pen-finetune-region 1 4 :show 'preview)
                 (should (equal (buffer-name) "*pen-dataset*"))
                 (should (equal (pen-fixture-text) "Building the training set…\n"))
                 (kill-buffer))))))))

(ert-deftest pen-dataset-test-no-region-is-said ()
  (with-temp-buffer
    (insert "one")
    (should-error (call-interactively #'pen-finetune-region) :type 'user-error)))

(ert-deftest pen-dataset-test-progress-is-shown ()
  (pen-dataset-test-with '(("datasets-plan" events (progress :done 40 :total 128 :unit "texts compared")))
    (should (equal (pen-fixture-text)
                   "Building the training set… 40 of 128 texts compared\n"))))

(ert-deftest pen-dataset-test-error-is-one-sentence-and-what-to-do ()
  (pen-dataset-test-with '(("datasets-plan" events
                            (error :kind data :message "The region holds one joke."
                                   :hint "Mark two or more.")))
    (should (string-prefix-p "The region holds one joke. Mark two or more.\n"
                             (pen-fixture-text)))))


;;;; The screen

(ert-deftest pen-dataset-test-a-long-error-is-shown-to-its-end ()
  (pen-dataset-test-with (list (list "datasets-plan" 'events
                                     (list 'error :kind 'data :hint "Do this."
                                           :message (string-join (make-list 60 "words") " "))))
    (should (string-match-p "words\\.[ \n]Do[ \n]this\\." (pen-fixture-text)))
    (goto-char (point-min))
    (while (not (eobp))
      (should (<= (- (line-end-position) (point)) (pen-dataset-width)))
      (forward-line 1))))

(ert-deftest pen-dataset-test-n-and-p-walk-the-findings ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (pen-dataset-to-row 1)              ; below them all
    (pen-fixture-press "n")
    (should (looking-at-p "! Weights"))
    (pen-fixture-press "n")
    (should (looking-at-p "! 1 dup"))
    (should-error (pen-fixture-press "n") :type 'user-error)
    (pen-fixture-press "p")
    (should (looking-at-p "! Weights"))
    (should-error (pen-fixture-press "p") :type 'user-error)
    (goto-char (point-min))
    (pen-fixture-press "p")
    (should (looking-at-p "! 1 dup"))))

(ert-deftest pen-dataset-test-point-starts-at-the-first-row ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-good-plan))
    (should (equal (get-text-property (point) 'pen-row) 1))
    (should (= (window-point) (point)))
    (pen-fixture-press "d")
    (should pen-dataset--edits)))

(ert-deftest pen-dataset-test-a-row-out-of-sight-does-not-scroll-the-summary-away ()
  (let ((findings '((:level error :message "Weights do not fit."))))
    (pen-dataset-test-with (pen-dataset-test-answer
                            (pen-dataset-test-plan
                             :findings (append findings (make-list 100 '(:level note :message "x")))))
      (should (looking-at-p "! Weights")))
    (pen-dataset-test-with (pen-dataset-test-answer
                            (pen-dataset-test-plan
                             :table (string-join (make-list 100 "mean") "\n")))
      (should (bobp)))))

(ert-deftest pen-dataset-test-it-is-said-when-a-set-that-was-not-ready-is ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-good-plan))
    (let (said)
      (cl-letf (((symbol-function 'message)
                 (lambda (format &rest args) (push (apply #'format format args) said))))
        (pen-fixture-press "g")
        (should (string-match-p "not ready yet; "
                                (cadr (should-error (pen-fixture-press "C-c C-c")
                                                    :type 'user-error))))
        (pen-rpc-fake-settle)
        (should (equal said '("The training set is ready now")))
        (pen-fixture-press "g")    ; nobody waits for this one
        (pen-rpc-fake-settle)
        (should (equal said '("The training set is ready now")))))))

(ert-deftest pen-dataset-test-ret-goes-to-the-source ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (goto-char (point-min))
    (search-forward "valid <joke>")
    (pen-fixture-press "RET")
    (should (equal (buffer-name (window-buffer)) "puns"))
    (with-current-buffer "puns"
      (should (= (line-number-at-pos) 4)))))

(ert-deftest pen-dataset-test-an-option-asks-again ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (cl-letf (((symbol-function 'completing-read) (lambda (&rest _) "n-epochs"))
              ((symbol-function 'read-string) (lambda (&rest _) "2")))
      (pen-fixture-press "o"))
    (pen-rpc-fake-settle)
    (should (equal (plist-get (pen-rpc-fake-last "datasets-plan") :n-epochs) 2))
    (should (string-match-p "^with prompt pun-complete, n-epochs 2$" (pen-fixture-text)))))

(ert-deftest pen-dataset-test-looking-returns-the-plan-and-launches-nothing ()
  (pen-rpc-fake-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (save-window-excursion
      (with-temp-buffer
        (insert "one\ntwo")
        (should (equal (plist-get (pen-dataset-region 1 8 :seed 3) :id) "plan-1"))
        (pen-dataset-region 1 8 :show t)
        (pen-rpc-fake-settle)
        (should-error (pen-fixture-press "C-c C-c") :type 'user-error)
        (kill-buffer)))))

(ert-deftest pen-dataset-test-killing-the-preview-stops-the-build ()
  (pen-rpc-fake-with '(("datasets-plan" events (progress :done 1 :unit "records read")))
    (save-window-excursion
      (with-temp-buffer
        (insert "one\ntwo")
        (pen-dataset-region 1 8 :show t)
        (pen-rpc-fake-settle)
        (kill-buffer "*pen-dataset*")
        (pen-rpc-fake-settle)
        (should (equal (pen-rpc-fake-last "pen-cancel") '(:id "fake-1")))
        (pen-rpc-fake-event "fake-1" 'progress :done 2)
        (should-not (get-buffer "*pen-dataset*"))))))

(ert-deftest pen-dataset-test-abort-stops-the-build-and-leaves ()
  (pen-dataset-test-with '(("datasets-plan" events (progress :done 1 :unit "records read")))
    (pen-fixture-press "C-c C-k")
    (pen-rpc-fake-settle)
    (should (equal (pen-rpc-fake-last "pen-cancel") '(:id "fake-1")))
    (should-not (get-buffer-window "*pen-dataset*"))))

(ert-deftest pen-dataset-test-a-second-build-takes-the-place-of-the-first ()
  (pen-dataset-test-with '(("datasets-plan" events (progress :done 1 :unit "records read")))
    (pen-fixture-press "g")
    (pen-rpc-fake-settle)
    (should (equal (pen-rpc-fake-last "pen-cancel") '(:id "fake-1")))
    (pen-rpc-fake-event "fake-2" 'progress :done 7 :unit "rows written")
    (should (equal (pen-fixture-text) "Building the training set… 7 rows written\n"))))

(ert-deftest pen-dataset-test-an-option-can-be-set-after-an-error ()
  (pen-dataset-test-with '(("datasets-plan" error data "There is no reader 'xml'." :hint "There are auto, org."))
    (should (string-prefix-p "There is no reader 'xml'. There are auto, org.\n" (pen-fixture-text)))
    (cl-letf (((symbol-function 'completing-read)
               (lambda (prompt &rest _) (if (string-prefix-p "Option" prompt) "reader" "org"))))
      (pen-fixture-press "o"))
    (pen-rpc-fake-settle)
    (should (equal (plist-get (pen-rpc-fake-last "datasets-plan") :reader) "org"))))

(ert-deftest pen-dataset-test-a-directory-that-is-not-there-is-said ()
  (should (string-match-p "no directory /no/such/ to write to"
                          (cadr (should-error (pen-dataset-copy (pen-dataset-test-plan)
                                                                "/no/such/train.jsonl" t)
                                              :type 'user-error)))))

(provide 'pen-dataset-test)
;;; pen-dataset-test.el ends here
