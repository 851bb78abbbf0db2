;;; pen-batch-test.el --- Arguments and exit codes of scripts -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-rpc-fake)
(require 'pen-batch)

(defvar org-confirm-babel-evaluate)
(declare-function org-mode "org" ())

(defun pen-batch-test--code (condition)
  "Return the exit code when CONDITION is signalled."
  (cl-letf (((symbol-function 'pen-batch--say) #'ignore))
    (pen-batch--run (lambda () (signal (car condition) (cdr condition))))))

(ert-deftest pen-batch-test-every-kind-of-error-has-its-exit-code ()
  (pcase-dolist (`(,kind . ,code)
                 '((bad-params . 1) (not-found . 1) (config . 1)
                   (prompt . 2) (data . 2) (too-large . 2)
                   (auth . 3) (upstream . 3) (busy . 3) (version . 3) (internal . 3)
                   (connection-lost . 3) (start . 3)
                   (job . 4) (cancelled . 4) (refused . 5) (deadline . 124)))
    (should (equal (cons kind (pen-batch-test--code
                               (pen-rpc-error (list :kind kind :message "No."))))
                   (cons kind code)))))

(ert-deftest pen-batch-test-other-conditions-have-exit-codes-too ()
  (should (= 0 (pen-batch--run #'ignore)))
  (should (= 1 (pen-batch-test--code '(user-error "No"))))
  (should (= 3 (pen-batch-test--code '(void-variable x)))))

(ert-deftest pen-batch-test-error-is-one-line-with-its-place-and-advice ()
  (should (equal (pen-batch--sentence
                  (pen-rpc-error '(:kind data :message "The weights\n do not fit."
                                         :where "train.jsonl:17" :hint "Give one each.")))
                 "train.jsonl:17: The weights do not fit. Give one each.")))

(ert-deftest pen-batch-test-only-options-of-a-launch-are-sent-with-it ()
  (should (equal (pen-finetune-request "p" '(:wait t :prompt "x" :n-epochs 2 :model nil) nil)
                 '(:plan "p" :n-epochs 2))))

(ert-deftest pen-batch-test-only-yes-lets-a-training-set-leave-this-machine ()
  (let ((directory (directory-file-name (file-name-as-directory temporary-file-directory))))
    (pen-rpc-fake-with
        (list (list "jobs-launch"
                    (lambda (plist)
                      (if (eq (plist-get plist :confirmed) t)
                          '(:id "ftjob-1")
                        (signal 'pen-refused-error (list "Not sent." '(:kind refused)))))))
      (should (= 5 (cl-letf (((symbol-function 'pen-batch--say) #'ignore))
                     (pen-batch--run
                      (lambda () (pen-batch--launch directory '(:n-epochs 2)))))))
      (should (equal (pen-rpc-fake-last "jobs-launch")
                     (list :plan directory :n-epochs 2)))
      (should (equal (pen-batch--launch directory '(:yes t)) '(:id "ftjob-1")))
      (should (equal (pen-rpc-fake-last "jobs-launch")
                     (list :plan directory :confirmed t))))))

(ert-deftest pen-batch-test-a-definition-s-file-is-found-from-where-the-script-stands ()
  (let ((default-directory "/tmp/"))
    (should (equal (pen-batch--definition "mine.yaml") "/tmp/mine.yaml"))
    (should (equal (pen-batch--definition "prompts/mine") "/tmp/prompts/mine"))
    (should (equal (pen-batch--definition "pun-complete") "pun-complete"))))

(defun pen-batch-test--consent (header options)
  "Return whether a block with HEADER may run with OPTIONS."
  (with-temp-buffer
    (delay-mode-hooks (org-mode))
    (insert "#+begin_src pen " header "\n#+end_src\n")
    (goto-char (point-min))
    (condition-case nil
        (progn (pen-batch--consent options) t)
      (pen-refused-error nil))))

(ert-deftest pen-batch-test-a-block-runs-if-org-would-not-ask-or-somebody-said-yes ()
  (require 'ob-pen)
  (let ((org-confirm-babel-evaluate t))
    (should-not (pen-batch-test--consent "" nil))
    (should (pen-batch-test--consent "" '(:yes t)))
    (should-not (pen-batch-test--consent ":eval query" '(:yes t)))
    (should (pen-batch-test--consent ":eval no" nil)))
  (let ((org-confirm-babel-evaluate (lambda (language _) (equal language "sh"))))
    (should (pen-batch-test--consent "" nil))))

(ert-deftest pen-batch-test-yes-answers-for-no-other-language ()
  (require 'ob-pen)
  (let ((org-confirm-babel-evaluate t) asked)
    (cl-letf (((symbol-function 'org-babel-execute-src-block)
               (lambda () (setq asked (mapcar (lambda (language)
                                                (funcall org-confirm-babel-evaluate language ""))
                                              '("pen" "sh"))))))
      (with-temp-buffer
        (delay-mode-hooks (org-mode))
        (insert "#+begin_src pen\n#+end_src\n")
        (goto-char (point-min))
        (should-not (pen-batch--execute-block "f.org" '(:yes t)))))
    (should (equal asked '(nil t)))
    (should (eq t org-confirm-babel-evaluate))))

(ert-deftest pen-batch-test-a-code-can-be-thrown-after-everything-was-said ()
  (should (= 2 (pen-batch--run (lambda () (throw 'pen-batch-code 2))))))

(provide 'pen-batch-test)
;;; pen-batch-test.el ends here
