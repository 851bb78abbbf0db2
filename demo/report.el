;;; report.el --- The demo's report as an org file with a curve -*- lexical-binding: t; -*-

;; SPDX-License-Identifier: GPL-3.0-or-later

;;; Commentary:

;; Writes report.org and loss.svg from what the demo measured.

;;; Code:

(require 'cl-lib)
(require 'pen-plot)

(defun pen-demo-report--points (job key)
  "Return the points (STEP . VALUE) of the curve of JOB that have KEY."
  (cl-loop for point in (plist-get job :curve)
           for value = (plist-get point key)
           when value collect (cons (plist-get point :step) value)))

(defun pen-demo-report--svg (tuned scratch)
  "Return the loss curves of the jobs TUNED and SCRATCH as SVG."
  (pen-plot-svg
   `(("pen-tiny, training" "#3465a4" ,(pen-demo-report--points tuned :train-loss))
     ("held out" "#cc6600" ,(pen-demo-report--points tuned :valid-loss))
     ("random weights, training" "#999999" ,(pen-demo-report--points scratch :train-loss)))
   720 360 "step (loss in nats a token)"))

(defun pen-demo-report--block (text)
  "Return TEXT as an org example block, inert whatever it holds."
  (concat "#+begin_example\n"
          (replace-regexp-in-string "^\\(,*\\(?:\\*\\|#\\+\\)\\)" ",\\1" text)
          "\n#+end_example\n"))

(defun pen-demo-report--measured (results)
  "Return RESULTS as an org table."
  (concat "| model | bits per byte | nats per token | tokens | against base |\n|-\n"
          (cl-loop with base = (plist-get (cdr (assoc "base" results)) :bits-per-byte)
                   for (name . it) in results
                   concat (format "| %s | %.3f | %.3f | %d | %+.1f %% |\n" name
                                  (plist-get it :bits-per-byte) (plist-get it :nll)
                                  (plist-get it :tokens)
                                  (* 100 (- (/ (plist-get it :bits-per-byte) base) 1))))))

(defun pen-demo-report--verdict (results)
  "Return what RESULTS say, in two sentences."
  (let ((bits (lambda (name) (plist-get (cdr (assoc name results)) :bits-per-byte))))
    (format "Tuning took the held-out puns from %.3f to %.3f bits per byte. \
The same fine-tune from random weights ended at %.3f, %s the base before any tuning.\n"
            (funcall bits "base") (funcall bits "tuned")
            (funcall bits "from random weights")
            (if (< (funcall bits "base") (funcall bits "from random weights"))
                "still worse than" "better than"))))

(defun pen-demo-report--texts (texts)
  "Return the completions TEXTS, one heading a model."
  (cl-loop for (name . candidates) in texts
           concat (format "** %s\n" name)
           concat (mapconcat #'pen-demo-report--block candidates "")))

(defun pen-demo-report-write (directory plan tuned scratch results jokes texts)
  "Write report.org and loss.svg into DIRECTORY.
PLAN is the training set, TUNED and SCRATCH the two jobs, RESULTS their
scores, TEXTS what base and tuned model made of JOKES."
  (let ((coding-system-for-write 'utf-8-unix))
    (write-region (pen-demo-report--svg tuned scratch) nil
                  (expand-file-name "loss.svg" directory) nil 'silent)
    (write-region
     (concat
      "#+title: pen-tiny learns puns\n\n"
      "pen-tiny is a small model that shows that the loop works. What it writes has the\n"
      "shape of puns; it is seldom funny. For real use, take a larger local model.\n\n"
      "* Training set\n" (plist-get plan :summary) "\n\n"
      (pen-demo-report--block (string-trim-right (plist-get plan :table)))
      "\n* Loss\n[[file:loss.svg]]\n\n"
      (format "Steps: %s. Model: =%s=.\n" (plist-get tuned :total-steps)
              (plist-get tuned :fine-tuned-model))
      "\n* Base, tuned, and from random weights\n"
      "Held-out completions with their end, unweighted, scored by the engine (=echo= and\n"
      "=logprobs=), not taken from the trainer's validation loss.\n\n"
      (pen-demo-report--measured results) "\n" (pen-demo-report--verdict results)
      "\n* Completions\nThe prompt, from the held-out puns:\n"
      (pen-demo-report--block jokes)
      (pen-demo-report--texts texts))
     nil (expand-file-name "report.org" directory) nil 'silent)))

(provide 'report)
;;; report.el ends here
